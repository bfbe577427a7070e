package diagnose

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// OutboxTopics are those that the outbox's poller alone writes to.
var OutboxTopics = []string{"payment.authorized", "payment.capture-requested", "payment.refund-requested"}

// What is more than the few events that a poller sends again after it was stopped
// between a send and the note of it.
const (
	repeatedAtLeast = 10
	repeatedShare   = 0.2 // of a topic's newest records
	// chanceOfNone is how unlikely it must be that an event is sent again no more by
	// chance, to be over.
	chanceOfNone = 0.001
)

// over reports whether events were sent again and are no more: so many records have come
// since, none of them an event that had been there.
func over(r broker.Repeats) bool {
	share := float64(r.Records-r.Events) / float64(r.Records-r.Later)
	return math.Pow(1-share, float64(r.Later)) < chanceOfNone
}

// repeatsKnown reports whether the newest records of all topics of the outbox were
// read, as far back as is asked for, and judged.
func (k Kafka) repeatsKnown() bool {
	return k.answered() && k.agesKnown() && !k.refusesEvents() && len(k.Repeats) > 0 && !slices.ContainsFunc(k.Repeats, func(r broker.Repeats) bool { return r.Unread != "" || r.Cut })
}

// RepeatsNotLooked say in which topics repeated events were not looked for, and why. With
// the account that is recommended these are all: it may not read them. Where many events
// are sent, only the newest are read: enough to see that each is sent again.
func RepeatsNotLooked(k Kafka) (not []string) {
	var reasons []string
	topics := map[string][]string{}
	for _, r := range k.Repeats {
		why := unlooked(r)
		if why == "" {
			continue
		}
		if topics[why] == nil {
			reasons = append(reasons, why)
		}
		topics[why] = append(topics[why], r.Topic)
	}
	for _, why := range reasons {
		not = append(not, "repeated events in "+names(topics[why])+": "+why)
	}
	return not
}

// unlooked says why not all of what is asked for was read; empty where it was.
func unlooked(r broker.Repeats) string {
	switch {
	case r.Unread != "":
		return r.Unread
	case r.Cut:
		return fmt.Sprintf("only the last %s of %s were read, the newest records of each partition", short(r.Reach), short(r.Window))
	}
	return ""
}

// refusesEvents reports whether Kafka does not take all that is sent to it.
func (k Kafka) refusesEvents() bool { return len(leaderless(k)) > 0 || len(belowMinISR(k)) > 0 }

// duplicatePublish finds topics to which events of the outbox are sent again and
// again, still. While Kafka does not take what it is sent, that is part of the outage.
func duplicatePublish(k Kafka) []report.Finding {
	if k.refusesEvents() {
		return nil
	}
	var words []string
	var f report.Finding
	for _, r := range k.Repeats {
		again := r.Records - r.Events
		if again < repeatedAtLeast || float64(again) < repeatedShare*float64(r.Records) || over(r) {
			continue
		}
		words = append(words, fmt.Sprintf("%s %s%d records of %d events", Name(r.Topic), AtLeast(unlooked(r) != ""), r.Records, r.Events))
		f = f.With(kafkaSource, "Fetch of the newest records of "+Name(r.Topic), fmt.Sprintf("%d records with %d different eventIds; eventId %s is there %d times", r.Records, r.Events, foreign.Text(r.Example).Quoted(), r.Times), k.At)
	}
	if len(words) == 0 {
		return nil
	}
	found := report.NewFinding(catalog.OutboxDuplicatePublish, "events are published more than once: %s, in the last %s", strings.Join(words, "; "), short(k.Repeats[0].Window))
	found.Evidence = f.Evidence[:min(len(f.Evidence), maxNames)]
	return []report.Finding{found.Hurts("consumers that do not look whether they had an event: they post it to the ledger twice").
		Then("check_outbox_status: how many events were published in that time", "reconciliation_check: captures and reversals that were posted twice",
			"Look why the poller sends again: two of them without the lock, or published is noted later than the next poll").
		ConfirmWith("check_outbox_status")}
}
