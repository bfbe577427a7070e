package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// brokersUnreachable finds a Kafka of which not one bootstrap server answers. One
// that turns us away is there: that is our own access, and no fault of Kafka's. Where
// nobody said where Kafka is, that nobody answers at the default says nothing of it.
func brokersUnreachable(k Kafka) []report.Finding {
	if k.answered() || refusesUs(k.Source.Err) {
		return nil
	}
	f := report.NewFinding(catalog.KafkaBrokersUnreachable, "none of the %d bootstrap servers of Kafka answers: %s", len(k.Tried), classes(k)).
		Hurts("every event: payments are still authorized, and nothing is captured, refunded or posted to the ledger until Kafka is back; the outbox keeps the events")
	for _, t := range k.Tried[:min(len(k.Tried), maxNames)] {
		f = f.With(t.Name, t.Asked, t.Err.Said.Quoted(), k.At)
	}
	if k.Assumed {
		f.Claim += "; KAFKA_BOOTSTRAP_SERVERS is not set, so the default was asked"
		return []report.Finding{f.Hurts("").Then("Set KAFKA_BOOTSTRAP_SERVERS to the payment system's brokers").Unsure()}
	}
	return []report.Finding{f.Then("Restore the brokers; look first at what changed there (deploy, disk, network)",
		"Do not republish events by hand: the poller sends what waits once Kafka answers",
		"check_outbox_status: what waits, and how old it is").ConfirmWith("check_outbox_status")}
}

// classes names how the bootstrap servers failed, each way once.
func classes(k Kafka) string {
	var all []string
	for _, t := range k.Tried {
		if c := string(t.Err.Class); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return strings.Join(all, ", ")
}

// leaderless finds partitions that nobody can write to or read from.
func leaderless(k Kafka) []report.Finding {
	var without partitions
	missing := map[int32]bool{}
	single := true
	for _, t := range k.watched() {
		for _, p := range t.Partitions {
			if p.Leader >= 0 {
				continue
			}
			without.add(t.Name, p.ID)
			single = single && len(p.Replicas) == 1
			for _, id := range p.Replicas {
				if !k.Live(id) {
					missing[id] = true
				}
			}
		}
	}
	n := without.count()
	if n == 0 {
		return nil
	}
	lost := ids(sorted(missing))
	f := report.NewFinding(catalog.KafkaLeaderlessPartitions, "%d partition%s without a leader: %s", n, plural(n), without.String()).
		With(kafkaSource, "Metadata", fmt.Sprintf("leader -1; brokers alive: %d (%s)", len(k.Brokers), brokerIDs(k.Brokers)), k.At)
	if what := Hurt(without.topics...); what != "" {
		f = f.Hurts("payments whose events fall on these partitions: %s", what)
	}
	if lost != "" {
		f = f.Then("Restore broker " + lost + ": it holds these partitions")
	} else {
		f = f.Then("Look at the controller's log: the replicas of these partitions are alive and none may lead")
	}
	last := "Do not elect an unclean leader and do not recreate the topics: both lose events"
	if single {
		last = "They have one replica, so no other broker can take over. Do not recreate the topics: that loses events"
	}
	return []report.Finding{f.Then(last, "check_outbox_status: what waits for these partitions").
		ConfirmWith("check_outbox_status")}
}

// brokerLost finds brokers that hold replicas and are not alive.
func brokerLost(k Kafka) []report.Finding {
	if !k.answered() {
		return nil
	}
	holds := map[int32]int{}
	for _, t := range k.Cluster.Topics {
		for _, p := range t.Partitions {
			for _, id := range p.Replicas {
				if !k.Live(id) {
					holds[id]++
				}
			}
		}
	}
	if len(holds) == 0 {
		return nil
	}
	lost := map[int32]bool{}
	n := 0
	for id, replicas := range holds {
		lost[id] = true
		n += replicas
	}
	f := report.NewFinding(catalog.KafkaBrokerLost, "%d of %d brokers alive (%s): %s missing, with %d replicas on it", len(k.Brokers), len(k.Brokers)+len(holds), brokerIDs(k.Brokers), ids(sorted(lost)), n).
		With(kafkaSource, "Metadata", "broker "+ids(sorted(lost))+" is in replica lists, not among the live", k.At).
		Then("Restore broker " + ids(sorted(lost)))
	return []report.Finding{f}
}

// underReplicated finds partitions that have a leader and fewer replicas in sync
// than they should. Where the missing ones sit on a broker that is gone and took
// partitions with it, that is told there.
func underReplicated(k Kafka) []report.Finding {
	gone := len(leaderless(k)) > 0
	var under partitions
	missing := map[int32]bool{}
	for _, t := range k.watched() {
		for _, p := range t.Partitions {
			if p.Leader < 0 || len(p.ISR) >= len(p.Replicas) {
				continue
			}
			if gone && !slices.ContainsFunc(p.Replicas, func(id int32) bool { return !slices.Contains(p.ISR, id) && k.Live(id) }) {
				continue
			}
			under.add(t.Name, p.ID)
			for _, id := range p.Replicas {
				if !slices.Contains(p.ISR, id) {
					missing[id] = true
				}
			}
		}
	}
	n := under.count()
	if n == 0 {
		return nil
	}
	f := report.NewFinding(catalog.KafkaUnderReplicated, "%d partition%s with replicas out of sync, missing broker %s: %s", n, plural(n), ids(sorted(missing)), under.String()).
		With(kafkaSource, "Metadata", "in-sync replicas fewer than replicas; missing broker "+ids(sorted(missing)), k.At).
		Hurts("nothing yet: one more loss can cost events or stop them").
		Then("Look whether broker " + ids(sorted(missing)) + " is down, or slow (disk, network)")
	return []report.Finding{f}
}

// belowMinISR finds partitions that do not take what waits for all replicas. The
// ingest service waits for one alone and goes on.
func belowMinISR(k Kafka) []report.Finding {
	if !k.answered() {
		return nil
	}
	var below partitions
	var f report.Finding
	isr, least := 0, 0
	for _, t := range k.watched() {
		for _, p := range t.Partitions {
			if t.MinISR > 0 && p.Leader >= 0 && len(p.ISR) < t.MinISR {
				if below.count() == 0 {
					isr, least = len(p.ISR), t.MinISR
				}
				below.add(t.Name, p.ID)
			}
		}
	}
	n := below.count()
	if n == 0 {
		return nil
	}
	f = report.NewFinding(catalog.KafkaBelowMinISR, "%d partition%s with fewer replicas in sync than min.insync.replicas (in sync %d, min.insync %d): %s", n, plural(n), isr, least, below.String()).
		With(kafkaSource, "Metadata, DescribeConfigs min.insync.replicas", fmt.Sprintf("in sync %d, min.insync %d", isr, least), k.At).
		Hurts("what the settlement and refund workers send there (they wait for all replicas) is refused: captured and refunded payments get no ledger entry. The ingest service waits for one replica and goes on").
		Then("Restore the missing replica; do not lower min.insync.replicas before its data is back", "reconciliation_check: captures since then without a ledger entry").
		ConfirmWith("reconciliation_check")
	return []report.Finding{f}
}

// topicMissing finds required topics that the cluster does not have.
func topicMissing(k Kafka) []report.Finding {
	var missing []string
	present := 0
	for _, name := range k.Topics {
		t, ok := k.Topic(name)
		switch {
		case ok && t.Missing:
			missing = append(missing, name)
		case ok && !t.Denied && t.Err == "":
			present++
		}
	}
	if len(missing) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.KafkaTopicMissing, "%d of %d required topics missing: %s", len(missing), len(k.Topics), names(missing)).
		With(kafkaSource, "Metadata of the required topics", fmt.Sprintf("%d of %d there; unknown: %s", present, len(k.Topics), names(missing)), k.At).
		Then("Find out whether it was deleted or never created, and by whom", "Have it created with the agreed partitions and replicas (automatic creation gives the broker's defaults)",
			"check_outbox_status: events for it that used up their retries").ConfirmWith("check_outbox_status")
	if what := Hurt(missing...); what != "" {
		f = f.Hurts("%s", what)
	}
	return []report.Finding{f}
}

func sorted(set map[int32]bool) []int32 {
	var all []int32
	for id := range set {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func names(list []string) string {
	var all []string
	for _, n := range list {
		all = append(all, Name(n))
	}
	return strings.Join(few(all, maxTopics, "more"), ", ")
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
