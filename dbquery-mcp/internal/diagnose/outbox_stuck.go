package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// lockBroken is OUTBOX_LOCK_SCHEMA_BROKEN. A build that polls without the lock
// does not miss it.
func lockBroken(o Outbox) []report.Finding {
	s, lock := o.lock()
	if lock == nil || lock.Broken == "" || o.publishing() {
		return nil
	}
	f := report.NewFinding(catalog.OutboxLockSchemaBroken, "the poller cannot take its lock on %s, whose table is not as the lock library needs it, and no event is published", s.Shard)
	if !o.late() {
		f = report.NewFinding(catalog.OutboxLockSchemaBroken, "%s on %s: a build that takes the lock could not poll; no event was seen that is late for it", lock.Broken, s.Shard).Unsure()
	}
	f = f.With(s.Source.Name, "SHOW COLUMNS FROM shedlock", lock.Broken, s.now())
	return []report.Finding{o.hurts(f, Late).Then(
		"Look in the ingest log for 1054 or 1146 from ShedLock",
		"A database administrator gives shedlock the columns name, lock_until, locked_at, locked_by as the payment system's schema.sql has them; the events then go out by themselves")}
}

// lockStuck is OUTBOX_LOCK_STUCK.
func lockStuck(o Outbox) []report.Finding {
	s, lock := o.lock()
	if lock == nil || !lock.Found {
		return nil
	}
	left := lock.Until.Sub(s.now())
	if left <= lockAhead {
		return nil
	}
	f := report.NewFinding(catalog.OutboxLockStuck, "the poller's lock is held for %s more, longer than it is ever taken for (30 s): every instance skips its polls until then", lasted(left))
	if o.publishing() {
		f = report.NewFinding(catalog.OutboxLockStuck, "the poller's lock is held for %s more, yet events are published: this build may poll without it", lasted(left)).Unsure()
	}
	f = f.With(s.Source.Name, "shedlock "+paydb.PollerLockName,
		fmt.Sprintf("lock_until %s, locked_at %s, locked_by %s, %s s left", s.at(lock.Until), s.at(lock.Taken), lock.By.Quoted(), wholeSeconds(left)), s.now())
	return []report.Finding{o.hurts(f, Late).Then(
		"Find out whether the host in locked_by still runs, and look at its clock",
		"If it is gone, a human deletes that row of shedlock on "+s.Shard+"; the poller takes the lock within seconds and the events go out by themselves")}
}

// outboxLocked is DB_LOCK_CONTENTION, on a shard whose events are late.
func outboxLocked(o Outbox) (found []report.Finding) {
	for _, r := range o.Locks {
		if o.contended(r.Shard) {
			found = append(found, lockContention(Shards{Asked: o.Asked}, r.Asked, r.Facts)...)
		}
	}
	return found
}

// contended reports whether sessions wait for the outbox's rows, or for a whole table,
// on a shard whose events are late. That a transaction holds locks says nothing of
// the outbox: they may be on any table, and nobody may want them.
func (o Outbox) contended(shard string) bool {
	late := slices.ContainsFunc(o.Shards, func(s OutboxShard) bool { return s.Shard == shard && len(s.olderThan(PublishFresh)) > 0 })
	i := slices.IndexFunc(o.Locks, func(r paydb.Reply[paydb.Health]) bool { return r.Shard == shard && r.Source.OK() && r.SameAs == "" })
	return late && i >= 0 && outboxWaits(o.Locks[i].Facts)
}

// outboxWaits reports whether somebody waits for rows of the outbox, or for a whole
// table, for long, or behind a transaction that has lasted long.
func outboxWaits(h paydb.Health) bool {
	rows := slices.ContainsFunc(h.LockWaits, func(w paydb.LockWait) bool {
		return strings.Contains(string(w.Table), "outbox_event") && (w.Age >= longWait || w.BlockerAge >= longTransaction)
	})
	return rows || slices.ContainsFunc(h.TableWaits, func(w paydb.TableWait) bool { return w.Age >= longWait })
}

// anyContended reports whether that is so on any shard: what goes by how events leave
// the outbox cannot be told there.
func (o Outbox) anyContended() bool {
	return slices.ContainsFunc(o.Shards, func(s OutboxShard) bool { return o.contended(s.Shard) })
}

func (s OutboxShard) waitingWords() string {
	n, atLeast := s.LiveCount()
	text := manyAtLeast(n, atLeast) + " wait"
	if age, ok := s.OldestLive(); ok {
		text += fmt.Sprintf(", oldest created %s, %s ago", s.at(s.Live[0].Created), lasted(age))
	}
	if ago, ok := s.Since(); ok {
		text += fmt.Sprintf("; last published %s, %s ago", s.at(s.Published), lasted(ago))
	} else {
		text += "; none seen published"
	}
	return text
}

// parityStranded is OUTBOX_PARITY_STRANDED: a build that polls payment ids of one
// parity on each shard leaves the others where they are.
func parityStranded(o Outbox) (found []report.Finding) {
	var words []string
	var evidence []report.Evidence
	for _, s := range o.Shards {
		p, ok := s.stranded()
		if !ok {
			continue
		}
		stuck := map[bool]int{}
		for _, e := range s.untried() {
			stuck[isOdd(e.PaymentID)]++
		}
		words = append(words, fmt.Sprintf("%s %d odd and %d even stuck, of %d payments", s.Shard, stuck[true], stuck[false], p.payments))
		evidence = append(evidence, report.Evidence{Source: s.Source.Name, Asked: "unpublished events by aggregate_id % 2", Value: fmt.Sprintf("%d of %d late ones are %s and were never tried, oldest %s (%s ago); the %s ones were last published %s",
			len(p.stuck), p.late, parity(p.odd), s.at(p.stuck[0].Created), lasted(s.Age(p.stuck[0])), parity(!p.odd), s.at(s.lastOf(!p.odd))), At: s.now()})
	}
	if len(words) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.OutboxParityStranded, "events of one parity of payment ids are never taken, the others are published: %s", strings.Join(words, "; "))
	f.Evidence = append(f.Evidence, evidence...)
	return []report.Finding{o.hurts(f, Late).Then(
		"Compare the deployed ingest builds: one that polls by the parity of the payment id (vm1, vm2) was rolled out",
		"Roll back to the build that polls every event of a shard; what is stranded then goes out by itself")}
}

// lateParity is what late events that nobody tried have in common.
type lateParity struct {
	odd      bool                // of most payments
	stuck    []paydb.OutboxEvent // those of that parity, oldest first
	late     int                 // all that are late
	payments int                 // of stuck
}

// oneParity reports whether what is late is of one parity and was never tried, but for
// the few that may be late for another reason.
func (s OutboxShard) oneParity() (p lateParity, ok bool) {
	by := map[bool][]paydb.OutboxEvent{}
	for _, e := range s.untried() {
		by[isOdd(e.PaymentID)] = append(by[isOdd(e.PaymentID)], e)
	}
	p.odd, p.late = len(by[true]) > len(by[false]), len(s.olderThan(PublishFresh))
	p.stuck = by[p.odd]
	ids := map[int64]bool{}
	for _, e := range p.stuck {
		ids[e.PaymentID] = true
	}
	p.payments = len(ids)
	return p, p.payments > 0 && float64(p.late-len(p.stuck)) <= otherParity*float64(p.late)
}

// stranded reports whether what is stuck is of one parity while the other is published:
// well after the oldest of these was there to be taken, however long ago. Where little
// comes, the other parity's last event may be old.
func (s OutboxShard) stranded() (p lateParity, ok bool) {
	p, ok = s.oneParity()
	return p, ok && p.payments >= leastParity && s.lastOf(!p.odd).Sub(p.stuck[0].Created) > PublishFresh
}

// parityOpen reports whether events of one parity are late on some shard, and it cannot
// be told whether that is chance.
func (o Outbox) parityOpen() bool {
	return slices.ContainsFunc(o.Shards, func(s OutboxShard) bool {
		_, one := s.oneParity()
		_, stranded := s.stranded()
		return one && !stranded
	})
}

// lastOf is when an event of a parity was published last, among the newest.
func (s OutboxShard) lastOf(odd bool) (last time.Time) {
	for _, k := range s.Newest {
		if k.Odd == odd && k.Last.After(last) {
			last = k.Last
		}
	}
	return last
}

func isOdd(id int64) bool { return id%2 != 0 }

func parity(odd bool) string {
	if odd {
		return "odd"
	}
	return "even"
}

// pollerStalled is OUTBOX_POLLER_STALLED: one poller serves all shards, so it
// stands still only where none gets anything published.
func pollerStalled(o Outbox) []report.Finding {
	if o.publishing() || slices.ContainsFunc(o.Asked, Dead) || o.anyContended() {
		return nil
	}
	if s, lock := o.lock(); lock != nil && (lock.Broken != "" || lock.Until.Sub(s.now()) > lockAhead) {
		return nil // that is the cause
	}
	var hit []OutboxShard
	untried := 0
	halved := slices.ContainsFunc(o.Shards, func(s OutboxShard) bool { _, ok := s.stranded(); return ok })
	for _, s := range o.Shards {
		late := s.untried()
		if _, one := s.oneParity(); one && halved {
			continue // a poller that leaves one parity is at work, here as on the other shard
		}
		if slices.Contains(s.Lacks, "published_at") {
			return nil
		}
		if len(late) > 0 && len(late)*2 > len(s.olderThan(PublishFresh)) && !s.triedLately() {
			hit = append(hit, s)
			untried += len(late)
		}
	}
	if len(hit) == 0 {
		return nil
	}
	claim := fmt.Sprintf("nothing has been published for %s, and %s that are older than a minute were never tried (retry_count 0)", o.silence(), manyEvents(int64(untried), slices.ContainsFunc(hit, OutboxShard.Cut)))
	next := []string{
		"Check outbox.polling.enabled, the scheduler thread in the ingest log, and what was deployed last",
		"Restart one ingest instance; the events are published by themselves, nothing needs to be sent by hand",
	}
	s, lock := o.lock()
	switch {
	case lock == nil:
		claim += "; whether a poller takes its lock could not be seen"
	case !lock.Found:
		claim += "; no poller ever took its lock"
	case s.now().Sub(lock.Taken) > lockIdle:
		claim += fmt.Sprintf("; no poller took its lock for %s, and it is free", lasted(s.now().Sub(lock.Taken)))
	default:
		claim += fmt.Sprintf("; a poller did take its lock %s ago, so an open breaker may hold the events back", lasted(max(s.now().Sub(lock.Taken), 0)))
		next = slices.Insert(next, 0, "See first whether the kafka-publisher breaker is open: then Kafka is the cause, and the poller waits as it should")
	}
	f := report.NewFinding(catalog.OutboxPollerStalled, "%s", claim)
	for _, s := range hit {
		f = f.With(s.Source.Name, "unpublished events", s.waitingWords(), s.now())
	}
	return []report.Finding{o.hurts(f, Late).Then(next...).ConfirmWith("get_circuit_breaker_status")}
}

// triedLately reports whether any event was tried in the last minute.
func (s OutboxShard) triedLately() bool {
	return slices.ContainsFunc(s.Waiting, func(e paydb.OutboxEvent) bool {
		return !e.LastTry.IsZero() && s.now().Sub(e.LastTry) <= PublishFresh
	})
}

// silence is for how long no shard has had an event published.
func (o Outbox) silence() string {
	least, known := time.Duration(0), false
	for _, s := range o.Shards {
		if ago, ok := s.Since(); ok && (!known || ago < least) {
			least, known = ago, true
		}
	}
	if !known {
		return "as long as can be seen"
	}
	return lasted(least)
}

// drainTooSlow is OUTBOX_DRAIN_TOO_SLOW. More came than went in most of the minutes: one
// burst is no rate.
func drainTooSlow(o Outbox) (found []report.Finding) {
	for _, s := range o.Shards {
		in, out, minutes := s.PerMinute()
		late := s.olderThan(PublishFresh)
		_, stranded := s.stranded()
		grows := float64(in-out) > slowShare*float64(in) && in-out >= slowLeast && 2*s.minutesBehind(minutes) > minutes
		if minutes < 2 || out == 0 || len(late) == 0 || !s.Publishing() || !grows || stranded || o.contended(s.Shard) {
			continue
		}
		n, atLeast := s.LiveCount()
		f := report.NewFinding(catalog.OutboxDrainTooSlow, "%s falls behind: %d events a minute arrive, %d are published (last %d minutes); %s wait and it grows, so it never drains at this rate",
			s.Shard, in/int64(minutes), out/int64(minutes), minutes, manyAtLeast(n, atLeast)).
			With(s.Source.Name, "arrivals by the minute, newest first", numbersOf(s.Arrivals[:minutes]), s.now()).
			With(s.Source.Name, "publishes by the minute, newest first", numbersOf(s.Publishes[:minutes]), s.now())
		if !s.Backlogged() { // else the backlog tells
			f = f.With(s.Source.Name, "unpublished events", s.waitingWords(), s.now())
		}
		found = append(found, o.hurts(f, Late).Then(
			"Raise outbox.polling.batch-size, or reduce load: a poll publishes at most one batch of a shard, and the lock allows about one poll a second",
			"See whether publishing itself is slow: Kafka's produce latency, the ingest instances' CPU").
			ConfirmWith("check_kafka_health"))
	}
	return found
}

// minutesBehind is in how many of the last minutes more arrived than was published, by
// the minute's part of slowLeast: one event that waits makes no minute slow.
func (s OutboxShard) minutesBehind(minutes int) (n int) {
	for i := range minutes {
		if (s.Arrivals[i]-s.Publishes[i])*int64(minutes) >= slowLeast {
			n++
		}
	}
	return n
}

// PerMinute is what arrived and what was published in the minutes that both are
// known of.
func (s OutboxShard) PerMinute() (in, out int64, minutes int) {
	minutes = min(len(s.Arrivals), len(s.Publishes))
	for i := range minutes {
		in += s.Arrivals[i]
		out += s.Publishes[i]
	}
	return in, out, minutes
}
