package stack

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// properties is a broker's server.properties. Sizes and intervals are for a
// cluster that is small, young and watched; the rest is Kafka's default.
func (k *Kafka) properties(b *KafkaBroker) string {
	replicas := strconv.Itoa(min(3, len(k.brokers)))
	voters := make([]string, len(k.brokers))
	for i, v := range k.brokers {
		voters[i] = fmt.Sprintf("%d@%s", v.id, v.controller)
	}
	p := map[string]string{
		"process.roles":              "broker,controller",
		"node.id":                    strconv.Itoa(b.id),
		"log.dirs":                   filepath.Join(b.dir, "data"),
		"controller.quorum.voters":   strings.Join(voters, ","),
		"controller.listener.names":  "CONTROLLER",
		"inter.broker.listener.name": "INTERNAL",
		"listeners": fmt.Sprintf("CLIENT://%s,INTERNAL://%s,CONTROLLER://%s",
			b.addr, b.internal, b.controller),
		"advertised.listeners": fmt.Sprintf("CLIENT://%s,INTERNAL://%s",
			b.clientAddr, b.internal),

		"offsets.topic.replication.factor":         replicas,
		"offsets.topic.num.partitions":             "6",
		"transaction.state.log.replication.factor": replicas,
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "2",

		// A broker that was killed is missed, and may come back, after this
		// and not after 9 s.
		"broker.session.timeout.ms":    "4000",
		"broker.heartbeat.interval.ms": "500",
		// A group's first members are not waited for.
		"group.initial.rebalance.delay.ms": "0",
		// A broker that was lost takes nothing back by itself, some time later: the
		// groups that it coordinates would lose their members then.
		"auto.leader.rebalance.enable": "false",
		// The cleaner takes 128 MB of heap by default.
		"log.cleaner.dedupe.buffer.size": "4194304",
		// Each open partition takes twice this much address space and, on
		// file systems without holes, disk.
		"log.index.size.max.bytes": "1048576",
		"num.network.threads":      "2",
		"num.io.threads":           "4",

		// What was deleted stays deleted when a broker is killed soon after.
		"log.flush.start.offset.checkpoint.interval.ms": "1000",
	}
	if k.opt.Accounts != nil {
		p["listeners"] += ",ACCOUNTS://" + b.accounts
		p["advertised.listeners"] += ",ACCOUNTS://" + b.accounts
	}
	maps.Copy(p, k.securityProperties())
	maps.Copy(p, k.opt.Config)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		text.WriteString(key + "=" + strings.ReplaceAll(p[key], `\`, `\\`) + "\n")
	}
	return text.String()
}

// securityProperties are the settings about who may come in and how.
func (k *Kafka) securityProperties() map[string]string {
	protocols := map[string]string{"CLIENT": "PLAINTEXT", "INTERNAL": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
	p := map[string]string{}
	if k.opt.TLS {
		protocols["CLIENT"] = "SSL"
		p["listener.name.client.ssl.keystore.type"] = "PEM"
		p["listener.name.client.ssl.keystore.location"] = k.keyFile()
	}
	switch s := k.opt.Security; {
	case s != nil:
		protocols["CLIENT"] = "SASL_" + protocols["CLIENT"]
		maps.Copy(p, saslProperties("client", s.Users))
		if s.ACLs {
			maps.Copy(p, aclProperties())
		}
	case k.opt.Accounts != nil:
		protocols["ACCOUNTS"] = "SASL_PLAINTEXT"
		maps.Copy(p, saslProperties("accounts", k.opt.Accounts))
		maps.Copy(p, aclProperties())
		p["allow.everyone.if.no.acl.found"] = "true"
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(protocols)) {
		list = append(list, name+":"+protocols[name])
	}
	p["listener.security.protocol.map"] = strings.Join(list, ",")
	return p
}

// saslProperties has a listener ask for one of these names and passwords.
func saslProperties(listener string, users map[string]string) map[string]string {
	plain := []string{"org.apache.kafka.common.security.plain.PlainLoginModule required"}
	for _, user := range slices.Sorted(maps.Keys(users)) {
		plain = append(plain, fmt.Sprintf("user_%s=%q", user, users[user]))
	}
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	prefix := "listener.name." + listener + "."
	return map[string]string{
		"sasl.enabled.mechanisms":                 "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		prefix + "plain.sasl.jaas.config":         strings.Join(plain, " ") + ";",
		prefix + "scram-sha-256.sasl.jaas.config": scram,
		prefix + "scram-sha-512.sasl.jaas.config": scram,
	}
}

// aclProperties have ACLs count for whoever has logged in.
func aclProperties() map[string]string {
	return map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		// Whoever comes without a password came through an open listener.
		"super.users": "User:ANONYMOUS",
	}
}

// users are those who can log in, with their passwords.
func (k *Kafka) users() map[string]string {
	if k.opt.Security != nil {
		return k.opt.Security.Users
	}
	return k.opt.Accounts
}

// scramCredentials are the SCRAM users in the form that the storage tool reads.
func (k *Kafka) scramCredentials() []string {
	var all []string
	for user, password := range k.users() {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			all = append(all, fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user, password))
		}
	}
	slices.Sort(all)
	return all
}
