package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// deadLetters is OUTBOX_DEAD_LETTERS.
func deadLetters(o Outbox) []report.Finding {
	var hit []OutboxShard
	n, guess, atLeast := 0, true, false
	for _, s := range o.Shards {
		if len(s.Dead) > 0 {
			hit = append(hit, s)
			n += len(s.Dead)
			guess, atLeast = guess && s.Guess, atLeast || s.Cut()
		}
	}
	if n == 0 {
		return nil
	}
	limit := fmt.Sprintf("max_retries %d", o.Limits.MaxRetries)
	if !o.Limits.MaxRetriesSet {
		limit += ", assumed"
	}
	f := report.NewFinding(catalog.OutboxDeadLetters, "%s given up by the poller: tried too often (%s), and nothing tries them again", manyEvents(int64(n), atLeast), limit)
	if guess {
		f = report.NewFinding(catalog.OutboxDeadLetters, "%s with retry_count at the assumed limit of %d; they are still being tried, so the deployed limit may be higher", manyEvents(int64(n), atLeast), o.Limits.MaxRetries).Unsure()
	}
	for _, s := range hit {
		least, most := s.Dead[0].Retries, s.Dead[0].Retries
		var first, last time.Time
		var ids, payments []string
		for i, e := range s.Dead {
			least, most = min(least, e.Retries), max(most, e.Retries)
			if t := e.LastTry; !t.IsZero() {
				if first.IsZero() || t.Before(first) {
					first = t
				}
				if t.After(last) {
					last = t
				}
			}
			if i < 5 {
				ids, payments = append(ids, fmt.Sprint(e.ID)), append(payments, fmt.Sprint(e.PaymentID))
			}
		}
		tried := "never"
		if !last.IsZero() {
			tried = fmt.Sprintf("%s .. %s", s.at(first), s.at(last))
		}
		text := fmt.Sprintf("%s, retry_count %s, last_retry_at %s", manyAtLeast(int64(len(s.Dead)), s.Cut()), fromTo(least, most), tried)
		if !o.Limited {
			more := andOthers(len(s.Dead), 5, s.Cut())
			text += fmt.Sprintf("; event_id %s%s of payments %s%s", strings.Join(ids, ", "), more, strings.Join(payments, ", "), more)
		}
		f = f.With(s.Source.Name, "unpublished events by retry_count", text, s.now())
	}
	reset := "List the payments with trace_payment; then a human resets retry_count of exactly these event_ids, and the poller sends them. Do not republish by hand: that makes duplicates"
	if atLeast {
		reset = "Have all that were given up listed, for these are not all (published = 0, by retry_count); then a human resets retry_count of those, and the poller sends them. Do not republish by hand: that makes duplicates"
	}
	return []report.Finding{o.hurts(f, GivenUp).Then("Find what failed at last_retry_at (breaker, Kafka, ingest log) and see that it is over", reset)}
}

// unknownTypes is OUTBOX_UNKNOWN_EVENT_TYPE.
func unknownTypes(o Outbox) (found []report.Finding) {
	for _, s := range o.Shards {
		strange := s.strange()
		if len(strange) == 0 {
			continue
		}
		var order []foreign.Text
		n, published := map[foreign.Text]int{}, 0
		waiting := map[int64]bool{}
		for _, e := range s.Waiting {
			waiting[e.ID] = true
		}
		for _, e := range strange {
			if n[e.Type] == 0 {
				order = append(order, e.Type)
			}
			n[e.Type]++
			if !waiting[e.ID] {
				published++
			}
		}
		var words []string
		for _, k := range order[:min(len(order), 5)] {
			words = append(words, k.Quoted()+" "+manyAtLeast(int64(n[k]), s.StrangeCut))
		}
		f := report.NewFinding(catalog.OutboxUnknownEventType, "%s: %s of a type that the publisher knows no topic for, %s published: they go to payment.unknown, which nobody reads",
			s.Shard, manyEvents(int64(len(strange)), s.StrangeCut), manyAtLeast(int64(published), s.StrangeCut)).
			With(s.Source.Name, "outbox_event by event_type", strings.Join(words, ", ")+"; event_id "+fromToID(strange)+andOthers(0, 0, s.StrangeCut), s.now())
		found = append(found, o.hurts(f, Strange).Then(
			"Find the build that writes this event_type, and what should consume it",
			"Engineering routes or replays them once the code is right").
			ConfirmWith("inspect_dead_letters"))
	}
	return found
}

// having are the shards that have some of what is counted, how much there is in all, and
// whether there is more.
func (o Outbox) having(count func(OutboxShard) (n int, atLeast bool)) (hit []OutboxShard, n int, atLeast bool) {
	for _, s := range o.Shards {
		if some, more := count(s); some > 0 {
			hit, n, atLeast = append(hit, s), n+some, atLeast || more
		}
	}
	return hit, n, atLeast
}

// regressedStatus is PAYMENT_STATUS_REGRESSION, of the newest events.
func regressedStatus(o Outbox) []report.Finding {
	hit, n, atLeast := o.having(func(s OutboxShard) (int, bool) { return len(s.Regressed), s.RegressedCut })
	if n == 0 {
		return nil
	}
	are := "are"
	if n == 1 {
		are = "is"
	}
	f := report.NewFinding(catalog.PaymentStatusRegression, "%s %s CAPTURED again though a refund was asked for: the refund is lost, or a late capture overwrote it", leastIf(atLeast)+manyPayments(n), are)
	for _, s := range hit {
		all := s.Regressed
		text := fmt.Sprintf("%s, asked for %s .. %s", manyAtLeast(int64(len(all)), s.RegressedCut), s.at(all[0].Asked), s.at(all[len(all)-1].Asked))
		if !o.Limited {
			var ids []string
			for _, x := range first(5, all) {
				ids = append(ids, fmt.Sprintf("%d (event %d)", x.PaymentID, x.EventID))
			}
			text += ": payment_id " + strings.Join(ids, ", ") + andOthers(len(all), 5, s.RegressedCut)
		}
		f = f.With(s.Source.Name, "outbox_event PAYMENT_REFUND_REQUESTED against payment.status", text, s.now())
	}
	return []report.Finding{o.hurts(f, Regressed).Then(
		"Ask the payment gateway whether the refunds were carried out before anything is changed",
		"Have engineering find what wrote the status after the refund was asked for").ConfirmWith("trace_payment")}
}

// unmarked is how many of the newest events say published and have no time of it: where
// not all are listed, the counts by type know.
func (s OutboxShard) unmarked() (n int, atLeast bool) {
	listed := len(s.Unmarked)
	if !s.UnmarkedCut {
		return listed, false
	}
	for _, k := range s.Newest {
		n += int(k.Unmarked)
	}
	return max(n, listed), n <= listed
}

// markedByHand is OUTBOX_MARKED_NOT_PUBLISHED.
func markedByHand(o Outbox) []report.Finding {
	hit, n, atLeast := o.having(OutboxShard.unmarked)
	if n == 0 {
		return nil
	}
	f := report.NewFinding(catalog.OutboxMarkedNotPublished, "%s say published and have no published_at: the publisher writes both at once, so something else marked them and Kafka may never have got them", manyEvents(int64(n), atLeast))
	reset := "See whether their payments went on (check_settlements, trace_payment); only then may a human set published back to 0 for exactly those that did not"
	if slices.ContainsFunc(hit, func(s OutboxShard) bool { return s.UnmarkedCut }) {
		reset = "Have all of them listed (published <> 0 AND published_at IS NULL), for the range of event_id here is that of a part; see whether their payments went on (check_settlements, trace_payment); only then may a human set published back to 0 for those that did not"
	}
	for _, s := range hit {
		f = f.With(s.Source.Name, "published <> 0 AND published_at IS NULL", s.unmarkedWords(), s.now())
	}
	return []report.Finding{o.hurts(f, Unmarked).Then("Ask who ran an UPDATE on outbox_event, and why (what changed)", reset).ConfirmWith("check_kafka_health")}
}

func (s OutboxShard) unmarkedWords() string {
	all := s.Unmarked
	text := fmt.Sprintf("%d, event_id %s, created %s .. %s", len(all), fromToID(all), s.at(all[0].Created), s.at(all[len(all)-1].Created))
	if n, atLeast := s.unmarked(); s.UnmarkedCut {
		return fmt.Sprintf("%s, of which the first %s", manyAtLeast(int64(n), atLeast), text)
	}
	return text
}

// eventMissing is OUTBOX_EVENT_MISSING.
func eventMissing(o Outbox) []report.Finding {
	hit, n, atLeast := o.having(func(s OutboxShard) (int, bool) { return len(s.Missed), s.MissedCut })
	waits := 0
	for _, s := range hit {
		for _, m := range s.Missed {
			if m.Waits {
				waits++
			}
		}
	}
	if n == 0 {
		return nil
	}
	f := report.NewFinding(catalog.OutboxEventMissing, "%s without a PAYMENT_CAPTURE_REQUESTED event: nothing will ever start their capture", leastIf(atLeast)+manyPayments(n))
	if waits < n {
		f = report.NewFinding(catalog.OutboxEventMissing, "%s without a PAYMENT_CAPTURE_REQUESTED event; %s of them wait for their capture, which nothing will ever start", leastIf(atLeast)+manyPayments(n), manyAtLeast(int64(waits), atLeast))
	}
	for _, s := range hit {
		var ids []string
		for _, m := range s.Missed[:min(len(s.Missed), 5)] {
			ids = append(ids, fmt.Sprint(m.PaymentID))
		}
		text := fmt.Sprintf("%s, requested %s .. %s", manyAtLeast(int64(len(s.Missed)), s.MissedCut), s.at(s.Missed[0].Requested), s.at(s.Missed[len(s.Missed)-1].Requested))
		if !o.Limited {
			text += ": payment_id " + strings.Join(ids, ", ") + andOthers(len(s.Missed), 5, s.MissedCut)
		}
		f = f.With(s.Source.Name, "payments since "+s.at(s.ComparedSince)+" without their event", text, s.now())
	}
	return []report.Finding{o.hurts(f, Missed).Then(
		"Look in the ingest log at these times for a payload that could not be serialized: that error is swallowed and the event is lost",
		"Ask whether somebody deleted from outbox_event; engineering writes the missing events")}
}

// backlog is OUTBOX_BACKLOG.
func backlog(o Outbox) []report.Finding {
	var hit []OutboxShard
	for _, s := range o.Shards {
		if s.Backlogged() {
			hit = append(hit, s)
		}
	}
	if len(hit) == 0 {
		return nil
	}
	var n int64
	oldest, tried, atLeast := time.Duration(0), 0, false
	for _, s := range hit {
		live, more := s.LiveCount()
		age, _ := s.OldestLive()
		n, oldest, atLeast = n+live, max(oldest, age), atLeast || more
		for _, e := range s.olderThan(PublishFresh) {
			if e.Retries > 0 {
				tried++
			}
		}
	}
	f := report.NewFinding(catalog.OutboxBacklog, "%s wait, the oldest for %s (stuck from %s on)%s", manyEvents(n, atLeast), lasted(oldest), lasted(o.Limits.StuckAfter), o.movement(hit))
	if tried > 0 {
		f.Claim += fmt.Sprintf("; %d of them were tried and refused", tried)
	}
	for _, s := range hit {
		f = f.With(s.Source.Name, "unpublished events", s.waitingWords(), s.now())
	}
	return []report.Finding{o.hurts(f, Late).
		Then("Do not republish by hand: the poller sends what waits as soon as it can").
		ConfirmWith("check_kafka_health")}
}

// movement says whether a backlog shrinks.
func (o Outbox) movement(hit []OutboxShard) string {
	var words []string
	for _, s := range hit {
		if d := o.Drain(s.Shard); d.Known {
			words = append(words, s.Shard+" "+d.Words())
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "; " + strings.Join(words, ", ")
}

// shardBacklog is OUTBOX_SHARD_BACKLOG.
func shardBacklog(o Outbox) []report.Finding {
	if len(o.Shards) < 2 {
		return nil
	}
	var hit, well []string
	for _, s := range o.Shards {
		switch {
		case s.Backlogged():
			hit = append(hit, s.Shard)
		case s.Hidden: // whether that one drains is not known
			return nil
		default:
			well = append(well, s.Shard)
		}
	}
	if len(hit) != 1 || len(well) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.OutboxShardBacklog, "only %s has stuck events, %s drains: what they do not share is the cause (locks, connections to it, who polls it)", hit[0], strings.Join(well, ", "))
	for _, s := range o.Shards {
		if !s.Backlogged() { // what is stuck, OUTBOX_BACKLOG tells
			f = f.With(s.Source.Name, "unpublished events", s.waitingWords(), s.now())
		}
	}
	return []report.Finding{f.Then("Look at that shard's transactions and at the ingest instances' pool for it").ConfirmWith("check_database_health")}
}

// pendingFresh is OUTBOX_PENDING_FRESH.
func pendingFresh(o Outbox) []report.Finding {
	var n int64
	oldest := time.Duration(0)
	for _, s := range o.Shards {
		if s.Backlogged() || s.Hidden {
			return nil
		}
		live, _ := s.LiveCount()
		age, _ := s.OldestLive()
		n, oldest = n+live, max(oldest, age)
	}
	if oldest < PublishFresh {
		return nil
	}
	return []report.Finding{report.NewFinding(catalog.OutboxPendingFresh, "%d pending, oldest %s s < %s s", n, wholeSeconds(oldest), wholeSeconds(o.Limits.StuckAfter))}
}
