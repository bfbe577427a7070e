package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// dlqGrowing finds dead-letter topics that got records lately. What lies there
// from before is history.
func dlqGrowing(k Kafka) []report.Finding { return Growth(k.DeadLetters, k.At) }

// Growth finds dead-letter topics that got records within their window.
func Growth(topics []broker.DeadTopic, now time.Time) []report.Finding {
	var grown, evidence []string
	var recent int64
	window := time.Duration(0)
	for _, d := range topics {
		if d.Recent == 0 {
			continue
		}
		grown = append(grown, fmt.Sprintf("%s +%s%d", Name(d.Topic), AtLeast(d.Unknown > 0), d.Recent))
		evidence = append(evidence, fmt.Sprintf("%s: %d of %s%d records", Name(d.Topic), d.Recent, AtLeast(d.Unknown > 0), d.Depth))
		recent += d.Recent
		window = d.Window
	}
	if len(grown) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.DLQGrowing, "%d new dead letters in the last %s: %s", recent, short(window), strings.Join(grown, ", ")).
		With(kafkaSource, "ListOffsets by time", strings.Join(evidence, "; "), now).
		Hurts("each is a payment whose capture, refund or ledger entry was given up").
		Then("inspect_dead_letters: which payments, and why", "reconciliation_check: what is missing for them").ConfirmWith("inspect_dead_letters")
	return []report.Finding{f}
}

// DeadGroup are dead letters that died of the same.
type DeadGroup struct {
	Topic, Error, Code, Origin string
	Odd                        bool // the value is not what the payment system writes
	Count                      int
	Oldest, Newest             time.Time
	Example                    broker.Letter // the newest
	Payments                   []string      // ids, newest first, each once
}

// GroupDead puts dead letters with the same error, origin and topic together, the
// largest first. They come newest first.
func GroupDead(letters []broker.Letter) []DeadGroup {
	var all []DeadGroup
	for _, l := range letters {
		g := DeadGroup{Topic: l.Topic, Error: cmp.Or(l.ErrorType, l.Odd, l.ErrorMessage), Code: l.Code, Origin: l.Origin, Odd: l.Odd != ""}
		i := slices.IndexFunc(all, func(o DeadGroup) bool {
			return o.Topic == g.Topic && o.Error == g.Error && o.Code == g.Code && o.Origin == g.Origin
		})
		if i < 0 {
			g.Newest, g.Example = l.At, l
			all = append(all, g)
			i = len(all) - 1
		}
		all[i].Count++
		all[i].Oldest = l.At
		if l.PaymentID != "" && !slices.Contains(all[i].Payments, l.PaymentID) {
			all[i].Payments = append(all[i].Payments, l.PaymentID)
		}
	}
	slices.SortStableFunc(all, func(a, b DeadGroup) int { return b.Count - a.Count })
	return all
}

// poison are the errors of a record that fails whenever it is read: its form is
// wrong, and no second try helps.
var poison = []string{"json", "parse", "parsing", "serializ", "mismatchedinput", "unrecognizedproperty", "malformed", "validation", "illegalargument", "numberformat", "invalidformat", "classcast", "poison"}

// poisoned reports whether the kind of an error is one of those.
func poisoned(kind string) bool {
	kind = strings.ToLower(kind)
	return slices.ContainsFunc(poison, func(p string) bool { return strings.Contains(kind, p) })
}

// cutWithin reports whether there are letters of a window that were not read, for there
// are more than are.
func cutWithin(t broker.Tail, window time.Duration) bool {
	return !t.From.IsZero() && t.From.After(t.At.Add(-window))
}

// DeadPoison finds dead letters of the window that can never be processed.
func DeadPoison(t broker.Tail, window time.Duration) (found []report.Finding) {
	recent := slices.DeleteFunc(slices.Clone(t.Letters), func(l broker.Letter) bool {
		return t.At.Sub(l.At) > window || l.Odd != "" || !poisoned(l.ErrorType)
	})
	if len(recent) == 0 {
		return nil
	}
	groups := GroupDead(recent)
	var kinds []string
	for _, g := range groups[:min(len(groups), maxNames)] {
		kinds = append(kinds, fmt.Sprintf("%d x %s", g.Count, foreign.Text(g.Error).Quoted()))
	}
	f := report.NewFinding(catalog.DLQPoisonMessage, "%s%d dead letters of the last %s can never be processed as they are: %s", AtLeast(cutWithin(t, window)), len(recent), short(window), strings.Join(kinds, ", "))
	for _, l := range recent[:min(len(recent), 3)] {
		f = f.With(kafkaSource, fmt.Sprintf("%s/%d offset %d", Name(l.Topic), l.Partition, l.Offset), where(l)+", "+foreign.Text(l.ErrorType).Quoted(), l.At)
	}
	f = f.Hurts("the payments of these records: what they were to do has not happened").
		Then("Find the producer of the original records and mend it first", "Then people replay them, from the original offsets; never republish a payload as it is", "reconciliation_check: what is missing for these payments").
		ConfirmWith("reconciliation_check")
	return []report.Finding{f}
}

// where says which record a dead letter is of.
func where(l broker.Letter) string {
	if l.Origin == "" {
		return "does not say of which record"
	}
	return "of " + Name(l.Origin) + "/" + Name(cmp.Or(l.OriginPartition, "?")) + " offset " + Name(cmp.Or(l.OriginOffset, "?"))
}

// DeadLetterFindings runs the rules about dead letters. ran are the codes of those
// that had what they need.
func DeadLetterFindings(k Kafka, t broker.Tail, window time.Duration) (found []report.Finding, ran []catalog.Code) {
	found = append(found, brokersUnreachable(k)...)
	found = append(found, topicMissing(k)...)
	found = append(found, DeadPoison(t, window)...)
	found = append(found, dlqGrowing(k)...)
	found = append(found, kafkaSources(k)...)
	if k.topicsKnown() {
		ran = append(ran, catalog.KafkaTopicMissing)
	}
	if k.deadKnown() {
		ran = append(ran, catalog.DLQGrowing)
		if len(t.Refused) == 0 && len(t.Silent) == 0 && len(t.Unread) == 0 && !cutWithin(t, window) {
			ran = append(ran, catalog.DLQPoisonMessage)
		}
	}
	return found, ran
}

// DeadDoubts say what of the dead letters could not be read.
func DeadDoubts(t broker.Tail) (doubts []string) {
	if len(t.Refused) > 0 {
		doubts = append(doubts, "this account may see "+names(t.Refused)+" and not read it (READ on the topic is missing): what is in it is not known")
	}
	if len(t.Unread) > 0 {
		doubts = append(doubts, "not all of "+names(t.Unread)+" could be read: what else is in it is not known")
	}
	doubts = append(doubts, clockDoubts(t.Clock)...)
	for _, d := range t.Topics {
		if d.Unknown > 0 {
			doubts = append(doubts, fmt.Sprintf("%d partitions of %s were not told, in whole or in what is new", d.Unknown, Name(d.Topic)))
		}
	}
	return doubts
}
