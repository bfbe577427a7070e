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
		"listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",

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
		// The cleaner takes 128 MB of heap by default.
		"log.cleaner.dedupe.buffer.size": "4194304",
		// Each open partition takes twice this much address space and, on
		// file systems without holes, disk.
		"log.index.size.max.bytes": "1048576",
		"num.network.threads":      "2",
		"num.io.threads":           "4",
	}
	maps.Copy(p, k.securityProperties())
	maps.Copy(p, k.opt.Config)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		text.WriteString(key + "=" + strings.ReplaceAll(p[key], `\`, `\\`) + "\n")
	}
	return text.String()
}

// securityProperties are the settings that KafkaOptions.Security adds.
func (k *Kafka) securityProperties() map[string]string {
	s := k.opt.Security
	if s == nil {
		return nil
	}
	plain := []string{"org.apache.kafka.common.security.plain.PlainLoginModule required"}
	for _, user := range slices.Sorted(maps.Keys(s.Users)) {
		plain = append(plain, fmt.Sprintf("user_%s=%q", user, s.Users[user]))
	}
	scram := "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	p := map[string]string{
		"listener.security.protocol.map":                      "CLIENT:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"sasl.enabled.mechanisms":                             "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.client.plain.sasl.jaas.config":         strings.Join(plain, " ") + ";",
		"listener.name.client.scram-sha-256.sasl.jaas.config": scram,
		"listener.name.client.scram-sha-512.sasl.jaas.config": scram,
	}
	if s.ACLs {
		p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		// Whoever comes without a password came through AdminAddr.
		p["super.users"] = "User:ANONYMOUS"
	}
	return p
}

// scramCredentials are the SCRAM users in the form that the storage tool reads.
func (k *Kafka) scramCredentials() []string {
	if k.opt.Security == nil {
		return nil
	}
	var all []string
	for user, password := range k.opt.Security.Users {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			all = append(all, fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user, password))
		}
	}
	slices.Sort(all)
	return all
}
