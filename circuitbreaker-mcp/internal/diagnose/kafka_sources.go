package diagnose

import (
	"fmt"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// kafkaSources finds what kept the brokers from telling: a fault of our access, or
// of single brokers, and never of the payment system.
func kafkaSources(k Kafka) (found []report.Finding) {
	if !k.answered() {
		if err := k.Source.Err; refusesUs(err) {
			code := catalog.SrcKafkaPartial
			switch err.Class {
			case fault.Auth:
				code = catalog.SrcKafkaAuth
			case fault.Permission:
				code = catalog.SrcKafkaPermission
			}
			f := report.NewFinding(code, "a broker is there and does not let us ask (%s): nothing is known of Kafka", err.Class)
			found = append(found, f.With(kafkaSource, k.Source.Asked, err.Said.Quoted(), k.At).Then(err.Next))
		}
		return found
	}
	if f, ok := kafkaPermission(k); ok {
		found = append(found, f)
	}
	if f, ok := kafkaPartial(k); ok {
		found = append(found, f)
	}
	return found
}

// kafkaPermission finds what the account may not see.
func kafkaPermission(k Kafka) (report.Finding, bool) {
	f := report.NewFinding(catalog.SrcKafkaPermission, "")
	var groups, topics []string
	for _, g := range k.Groups {
		if g.Err != nil && g.Err.Class == fault.Permission {
			if len(groups) == 0 {
				f = f.With(kafkaSource, "DescribeGroups, OffsetFetch of "+Name(g.Name), g.Err.Said.Quoted(), k.At)
			}
			groups = append(groups, g.Name)
		}
	}
	for _, t := range k.Cluster.Topics {
		if t.Denied && t.Name != broker.OffsetsTopic {
			if len(topics) == 0 {
				f = f.With(kafkaSource, "Metadata of "+Name(t.Name), "[29] Topic Authorization Failed", k.At)
			}
			topics = append(topics, t.Name)
		}
	}
	what := ""
	if len(groups) > 0 {
		what = fmt.Sprintf("%d group%s (%s)", len(groups), plural(len(groups)), names(groups))
	}
	if len(topics) > 0 {
		what = joinWords(what, fmt.Sprintf("%d topic%s (%s)", len(topics), plural(len(topics)), names(topics)))
	}
	if k.MinISR != nil && k.MinISR.Class == fault.Permission {
		what = joinWords(what, "the topics' settings")
		f = f.With(kafkaSource, "DescribeConfigs min.insync.replicas", k.MinISR.Said.Quoted(), k.At)
	}
	if what == "" {
		return f, false
	}
	f.Claim = "Kafka does not let this account see " + what + ": that is missing here, which says nothing of how they are"
	return f.Then("Give the account Describe on these groups and topics, and DescribeConfigs on the topics"), true
}

func joinWords(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// kafkaPartial finds brokers, partitions and groups that were not told of.
func kafkaPartial(k Kafka) (report.Finding, bool) {
	f := report.NewFinding(catalog.SrcKafkaPartial, "")
	var without partitions
	seen := map[string]bool{}
	reason := ""
	note := func(topic string, id int32, why string) {
		key := fmt.Sprint(topic, id)
		// That a partition has no leader is told as what it is.
		if seen[key] || k.leaderlessAt(topic, id) {
			return
		}
		seen[key] = true
		without.add(topic, id)
		reason = why
	}
	for _, t := range k.watched() {
		for _, e := range k.Ends[t.Name] {
			if !e.Known {
				note(t.Name, e.Partition, e.Err)
			}
		}
	}
	var lagAtLeast int64
	for _, g := range k.Groups {
		if !k.required(g) {
			continue
		}
		n, _ := g.Lag()
		lagAtLeast += n
	}
	what := ""
	if n := len(k.Silent); n > 0 {
		what = fmt.Sprintf("%d of %d brokers did not answer (%s)", n, len(k.Brokers), k.Silent[0].Name)
		for _, s := range k.Silent[:min(n, maxNames)] {
			f = f.With(s.Name, s.Asked, s.Err.Said.Quoted(), k.At)
		}
	}
	if without.count() > 0 {
		what = joinWords(what, fmt.Sprintf("%d partition%s without end offset: %s", without.count(), plural(without.count()), without.String()))
		if len(k.Silent) == 0 {
			f = f.With(kafkaSource, "ListOffsets", reason, k.At)
		}
	}
	var groups []string
	for _, g := range k.Groups {
		if g.Err != nil && g.Err.Class != fault.Permission {
			if len(groups) == 0 {
				f = f.With(kafkaSource, "the state and offsets of "+Name(g.Name), g.Err.Said.Quoted(), k.At)
			}
			groups = append(groups, g.Name)
		}
	}
	if len(groups) > 0 {
		what = joinWords(what, fmt.Sprintf("nothing is known of group%s %s", plural(len(groups)), names(groups)))
	}
	if k.MinISR != nil && k.MinISR.Class != fault.Permission {
		what = joinWords(what, "min.insync.replicas is not known")
	}
	if what == "" {
		return f, false
	}
	f.Claim = fmt.Sprintf("part of Kafka did not tell: %s. Lag is a lower bound: >= %d", what, lagAtLeast)
	next := "Ask again; if it stays, look at that broker"
	if len(k.Silent) > 0 && k.Silent[0].Err.Next != "" {
		next = k.Silent[0].Err.Next
	}
	return f.Then(next), true
}

func (k Kafka) leaderlessAt(topic string, id int32) bool {
	t, _ := k.Topic(topic)
	for _, p := range t.Partitions {
		if p.ID == id {
			return p.Leader < 0
		}
	}
	return false
}
