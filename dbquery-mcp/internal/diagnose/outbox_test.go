package diagnose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

var outboxLimits = diagnose.OutboxLimits{StuckAfter: 5 * time.Minute, MaxRetries: 10}

// ago is a moment before noon.
func ago(d time.Duration) time.Time { return noon.Add(-d) }

// waits are n events of as many payments, the oldest first, a second apart.
func waits(n int, firstPayment int64, step int64, oldest time.Duration) (all []paydb.OutboxEvent) {
	for i := range int64(n) {
		all = append(all, paydb.OutboxEvent{ID: 1000 + i, PaymentID: firstPayment + i*step, Type: "PAYMENT_CAPTURE_REQUESTED", Created: ago(oldest - time.Duration(i)*time.Millisecond)})
	}
	return all
}

func tried(all []paydb.OutboxEvent, retries int64, last time.Duration) []paydb.OutboxEvent {
	all = slices.Clone(all)
	for i := range all {
		all[i].Retries, all[i].LastTry = retries, ago(last)
	}
	return all
}

// outboxOf is a shard whose last event was published some time ago.
func outboxOf(n int, published time.Duration, waiting ...paydb.OutboxEvent) paydb.Reply[paydb.Outbox] {
	o := paydb.Outbox{Indexed: true, Whole: true, Compared: true, Waiting: waiting, Count: int64(len(waiting)), LastID: 5000, FirstSeen: 1, SeenSince: ago(time.Hour), ComparedSince: ago(59 * time.Minute), Published: ago(published)}
	for _, odd := range []bool{false, true} {
		o.Newest = append(o.Newest, paydb.EventKind{Type: "PAYMENT_AUTHORIZED", Odd: odd, Events: 10, Published: 10, Last: ago(published)})
	}
	if n == 1 {
		o.Lock = &paydb.PollerLock{Found: true, Until: ago(0), Taken: ago(time.Second), By: "ingest-1"}
	}
	return paydb.Reply[paydb.Outbox]{Asked: answered(n), Facts: o}
}

func changed(r paydb.Reply[paydb.Outbox], change func(*paydb.Outbox)) paydb.Reply[paydb.Outbox] {
	change(&r.Facts)
	return r
}

// behind is an outbox whose oldest 20 events are given up, with the newest of those that
// come later, which are so many.
func behind(r paydb.Reply[paydb.Outbox], count int64, latest []paydb.OutboxEvent) paydb.Reply[paydb.Outbox] {
	r.Facts.Waiting, r.Facts.Latest, r.Facts.Count = tried(waits(20, 1, 1, 3*time.Hour), 10, 2*time.Hour), latest, 20+count
	return r
}

// told are findings as code severity, in order, and their text.
func told(found []report.Finding) (codes, text string) {
	a := report.Answer[struct{}]{Findings: found}
	a.Conclude()
	var all []string
	for _, f := range a.Findings {
		all = append(all, string(f.Code)+" "+string(f.Severity))
	}
	text, _ = a.Render(60000)
	return strings.Join(all, ", "), text
}

func TestJudgeOutbox(t *testing.T) {
	const minute = time.Minute
	unreachable := paydb.Reply[paydb.Outbox]{Asked: failed(2, fault.Unreachable, paydb.Connecting, 0)}
	locked := paydb.Reply[paydb.Health]{Asked: answered(2), Facts: paydb.Health{LockWaits: []paydb.LockWait{{Table: "`paydb`.`outbox_event`", Age: 40 * time.Second, Waiter: 7, Blocker: 9, BlockerAge: 9 * minute}}}}
	// A report that runs for long, and a wait for other rows.
	elsewhere := func(n int) paydb.Reply[paydb.Health] {
		return paydb.Reply[paydb.Health]{Asked: answered(n), Facts: paydb.Health{
			Transactions: []paydb.Transaction{{ID: "77", Age: 3 * minute, RowsLocked: 12, Session: 9}},
			LockWaits:    []paydb.LockWait{{Table: "`paydb`.`ledger_entry`", Age: 40 * time.Second, Waiter: 7, Blocker: 9, BlockerAge: 3 * minute}},
		}}
	}
	strange := []paydb.OutboxEvent{{ID: 7, PaymentID: 70, Type: "PAYMENT_SETTLED", Created: ago(minute)}, {ID: 9, PaymentID: 71, Type: "PAYMENT_SETTLED", Created: ago(minute)}}

	for name, x := range map[string]struct {
		replies []paydb.Reply[paydb.Outbox]
		locks   []paydb.Reply[paydb.Health]
		limits  diagnose.OutboxLimits
		want    string
		says    []string
	}{
		"nothing waits":           {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Hour), outboxOf(2, time.Hour)}},
		"an empty outbox":         {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, 0), func(o *paydb.Outbox) { *o = paydb.Outbox{Indexed: true, Whole: true} })}},
		"fresh events":            {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Hour, waits(40, 1, 1, 59*time.Second)...)}},
		"two minutes, others out": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, waits(3, 1, 1, 2*minute)...)}, want: "OUTBOX_PENDING_FRESH info", says: []string{"3 pending, oldest 120 s < 300 s"}},

		"the poller is dead": {replies: []paydb.Reply[paydb.Outbox]{
			changed(outboxOf(1, 11*minute, waits(60, 1, 1, 11*minute)...), func(o *paydb.Outbox) { o.Lock.Taken = ago(11 * minute) }), outboxOf(2, 11*minute, waits(40, 1, 1, 10*minute)...),
		}, want: "OUTBOX_POLLER_STALLED critical, OUTBOX_BACKLOG high", says: []string{"nothing has been published for 11m0s", "100 events that are older than a minute were never tried", "no poller took its lock for 11m0s", "get_circuit_breaker_status"}},
		"the poller is dead, and locks are held elsewhere": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, 11*minute, waits(60, 1, 1, 11*minute)...), outboxOf(2, 11*minute)},
			locks: []paydb.Reply[paydb.Health]{elsewhere(1), elsewhere(2)}, want: "OUTBOX_POLLER_STALLED critical, OUTBOX_BACKLOG high, OUTBOX_SHARD_BACKLOG high"},
		"a poller lives, nothing leaves": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, 2*minute, waits(60, 1, 1, 2*minute)...)},
			want: "OUTBOX_POLLER_STALLED critical, OUTBOX_PENDING_FRESH info", says: []string{"an open breaker may hold the events back"}},
		"tried and refused is not stalled": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, 6*minute, tried(waits(60, 1, 1, 6*minute), 4, 10*time.Second)...)},
			want: "OUTBOX_BACKLOG high", says: []string{"60 of them were tried and refused"}},
		"with a shard dead, nobody is blamed": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, 6*minute, waits(60, 1, 1, 6*minute)...), unreachable},
			want: "DB_SHARD_UNREACHABLE critical, OUTBOX_BACKLOG high, SRC_PARTIAL_RESULT low"},

		"the lock is stuck": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, 11*minute, waits(60, 1, 1, 11*minute)...), func(o *paydb.Outbox) {
			o.Lock = &paydb.PollerLock{Found: true, Until: noon.Add(6 * time.Hour), Taken: ago(11 * minute), By: "dead-host"}
		})}, want: "OUTBOX_LOCK_STUCK critical, OUTBOX_BACKLOG high", says: []string{`locked_by "dead-host"`, "21600 s left", "2026-03-01T18:00:00Z"}},
		"the lock is stuck and nothing waits": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, 5*minute), func(o *paydb.Outbox) { o.Lock.Until = noon.Add(61 * time.Second) })}, want: "OUTBOX_LOCK_STUCK critical"},
		"a lock as it is taken":               {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, 0), func(o *paydb.Outbox) { o.Lock.Until = noon.Add(30 * time.Second) })}},
		"a lock nobody minds":                 {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) { o.Lock.Until = noon.Add(time.Hour) })}, want: "OUTBOX_LOCK_STUCK low"},

		"no lock table": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, 11*minute, waits(60, 1, 1, 11*minute)...), func(o *paydb.Outbox) { o.Lock = &paydb.PollerLock{Broken: "there is no table shedlock"} })},
			want: "OUTBOX_LOCK_SCHEMA_BROKEN critical, OUTBOX_BACKLOG high", says: []string{"there is no table shedlock"}},
		"no lock table, and a build that needs none": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) { o.Lock = &paydb.PollerLock{Broken: "there is no table shedlock"} })}},
		"no lock table, nothing to go by":            {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Hour), func(o *paydb.Outbox) { o.Lock = &paydb.PollerLock{Broken: "there is no table shedlock"} })}, want: "OUTBOX_LOCK_SCHEMA_BROKEN low"},

		"given up at the limit": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, tried(waits(12, 1, 1, 2*time.Hour), 10, 2*time.Hour)...)},
			want: "OUTBOX_DEAD_LETTERS high", says: []string{"12 events given up", "max_retries 10, assumed", "retry_count 10", "1000, 1001"}},
		"given up below the limit we assume": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, tried(waits(12, 1, 1, 2*time.Hour), 5, 2*time.Hour)...)},
			want: "OUTBOX_DEAD_LETTERS high", says: []string{"retry_count 5"}},
		"at the limit we assume, still tried": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, tried(waits(2, 1, 1, 2*minute), 10, 5*time.Second)...)}, want: "OUTBOX_DEAD_LETTERS low"},
		"at the limit that is set, just tried": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, tried(waits(2, 1, 1, 2*minute), 5, 5*time.Second)...)},
			limits: diagnose.OutboxLimits{StuckAfter: 5 * minute, MaxRetries: 5, MaxRetriesSet: true}, want: "OUTBOX_DEAD_LETTERS high"},

		"one parity stays": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, waits(80, 1, 2, 2*time.Hour)...), outboxOf(2, time.Second, waits(70, 2, 2, 2*time.Hour)...)},
			want: "OUTBOX_PARITY_STRANDED critical, OUTBOX_BACKLOG high", says: []string{"shard1 80 odd and 0 even stuck", "shard2 0 odd and 70 even stuck"}},
		"one parity stays on a quiet night": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, 20*minute, waits(80, 1, 2, 2*time.Hour)...), outboxOf(2, 15*minute, waits(4, 2, 2, time.Hour)...)},
			want: "OUTBOX_PARITY_STRANDED critical, OUTBOX_BACKLOG high", says: []string{"80 of 80 late ones are odd", "the even ones were last published 2026-03-01T11:40:00Z"}},
		"one parity stays, and a few others do": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, slices.Concat(waits(80, 1, 2, 2*time.Hour), waits(4, 2, 2, 2*minute))...)},
			want: "OUTBOX_PARITY_STRANDED critical, OUTBOX_BACKLOG high", says: []string{"80 odd and 4 even stuck, of 80 payments", "80 of 84 late ones are odd"}},
		"too many others do": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, slices.Concat(waits(80, 1, 2, 2*time.Hour), waits(5, 2, 2, 2*minute))...)}, want: "OUTBOX_BACKLOG high"},
		"one parity by chance, and the poller is dead": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, 20*minute, waits(12, 1, 2, 20*minute)...)},
			want: "OUTBOX_POLLER_STALLED critical, OUTBOX_BACKLOG high"},
		"a few of one parity are chance": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, waits(9, 1, 2, 2*time.Hour)...)}, want: "OUTBOX_BACKLOG high"},
		"both parities stay":             {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second, waits(80, 1, 1, 2*time.Hour)...)}, want: "OUTBOX_BACKLOG high"},

		"one shard": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, time.Second), outboxOf(2, 9*minute, waits(50, 1, 1, 9*minute)...)},
			want: "OUTBOX_BACKLOG high, OUTBOX_SHARD_BACKLOG high", says: []string{"only shard2 has stuck events", "check_database_health"}},
		"one shard, for its rows are locked": {replies: []paydb.Reply[paydb.Outbox]{outboxOf(1, 2*minute), outboxOf(2, 9*minute, waits(50, 1, 1, 9*minute)...)}, locks: []paydb.Reply[paydb.Health]{{Asked: answered(1)}, locked},
			want: "DB_LOCK_CONTENTION high, OUTBOX_BACKLOG high, OUTBOX_SHARD_BACKLOG high", says: []string{"session 9"}},

		"too slow": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second, waits(500, 1, 1, 6*minute)...), func(o *paydb.Outbox) {
			o.Arrivals, o.Publishes = paydb.PerMinute{300, 300, 300, 300, 300}, paydb.PerMinute{180, 180, 180, 180, 180}
		})}, want: "OUTBOX_DRAIN_TOO_SLOW medium, OUTBOX_BACKLOG high", says: []string{"300 events a minute arrive, 180 are published", "never"}},
		"too slow, and locks are held elsewhere": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second, waits(500, 1, 1, 6*minute)...), func(o *paydb.Outbox) {
			o.Arrivals, o.Publishes = paydb.PerMinute{300, 300, 300, 300, 300}, paydb.PerMinute{180, 180, 180, 180, 180}
		})}, locks: []paydb.Reply[paydb.Health]{elsewhere(1)}, want: "OUTBOX_DRAIN_TOO_SLOW medium, OUTBOX_BACKLOG high"},
		"a burst, and some events that wait longer": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second, waits(54, 1, 1, 2*minute)...), func(o *paydb.Outbox) {
			o.Arrivals, o.Publishes = paydb.PerMinute{552, 2, 5, 0, 0}, paydb.PerMinute{505, 0, 0, 0, 0}
		})}, want: "OUTBOX_PENDING_FRESH info"},
		"catching up": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second, waits(600, 1, 1, 6*minute)...), func(o *paydb.Outbox) {
			o.Arrivals, o.Publishes = paydb.PerMinute{300, 300, 300, 300, 300}, paydb.PerMinute{420, 420, 420, 420, 420}
		})}, want: "OUTBOX_BACKLOG high", says: []string{"gets 5.0/s and publishes 7.0/s", "done in about 5m0s"}},

		"unknown types":  {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) { o.Strange = strange })}, want: "OUTBOX_UNKNOWN_EVENT_TYPE high", says: []string{`"PAYMENT_SETTLED" 2`, "2 published", "7 .. 9"}},
		"marked by hand": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) { o.Unmarked = waits(100, 1, 1, time.Hour) })}, want: "OUTBOX_MARKED_NOT_PUBLISHED high", says: []string{"100 events say published", "1000 .. 1099"}},
		"no event": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) {
			o.Missed = []paydb.Missed{{PaymentID: 4, Requested: ago(time.Hour)}}
		})}, want: "OUTBOX_EVENT_MISSING high", says: []string{"1 payment without a PAYMENT_CAPTURE_REQUESTED event", "payment_id 4", "payments since 2026-03-01T11:01:00Z without their event"}},

		"live ones behind those given up": {replies: []paydb.Reply[paydb.Outbox]{behind(outboxOf(1, 31*minute), 40, waits(40, 1, 1, 30*minute)), outboxOf(2, 31*minute)},
			want: "OUTBOX_POLLER_STALLED critical, OUTBOX_DEAD_LETTERS high, OUTBOX_BACKLOG high, OUTBOX_SHARD_BACKLOG high", says: []string{"20 events given up", "40 events wait, the oldest for 30m0s"}},
		"live ones behind more given up than were looked at": {replies: []paydb.Reply[paydb.Outbox]{behind(outboxOf(1, 31*minute), 5000, waits(40, 1, 1, 30*minute)), outboxOf(2, 31*minute)},
			want: "OUTBOX_POLLER_STALLED critical, OUTBOX_DEAD_LETTERS high, OUTBOX_BACKLOG high, OUTBOX_SHARD_BACKLOG high", says: []string{"at least 20 events given up", "at least 40 events wait, the oldest for 30m0s", "at least 20, retry_count 10", "for these are not all"}},
		"a shard whose live ones are not known is not called well": {replies: []paydb.Reply[paydb.Outbox]{behind(outboxOf(1, time.Second), 5000, nil), outboxOf(2, time.Second, waits(40, 1, 1, 30*minute)...)},
			want: "OUTBOX_DEAD_LETTERS high, OUTBOX_BACKLOG high"},
		"nor its events fresh": {replies: []paydb.Reply[paydb.Outbox]{behind(outboxOf(1, time.Second), 5000, waits(3, 1, 1, 2*minute))}, want: "OUTBOX_DEAD_LETTERS high"},

		"more are marked by hand than are listed": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) {
			o.Unmarked, o.UnmarkedCut, o.Newest[0].Unmarked, o.Newest[1].Unmarked = waits(100, 1, 1, time.Hour), true, 30_000, 31_000
		})}, want: "OUTBOX_MARKED_NOT_PUBLISHED high", says: []string{"61000 events say published", "61000, of which the first 100, event_id 1000 .. 1099", "is that of a part"}},
		"more than are counted, too": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) {
			o.Unmarked, o.UnmarkedCut = waits(100, 1, 1, time.Hour), true
		})}, want: "OUTBOX_MARKED_NOT_PUBLISHED high", says: []string{"at least 100 events say published"}},
		"more of unknown types than are listed": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) { o.Strange, o.StrangeCut = strange, true })},
			want: "OUTBOX_UNKNOWN_EVENT_TYPE high", says: []string{"at least 2 events of a type", "at least 2 published", `"PAYMENT_SETTLED" at least 2`, "7 .. 9 and more"}},
		"more lack their event than are listed": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) {
			o.Missed, o.MissedCut = []paydb.Missed{{PaymentID: 4, Requested: ago(time.Hour)}, {PaymentID: 5, Requested: ago(time.Hour), Waits: true}}, true
		})}, want: "OUTBOX_EVENT_MISSING high", says: []string{"at least 2 payments without", "at least 1 of them wait", "at least 2, requested", "payment_id 4, 5 and more"}},
		"more forgot their refund than are listed": {replies: []paydb.Reply[paydb.Outbox]{changed(outboxOf(1, time.Second), func(o *paydb.Outbox) {
			o.Regressed, o.RegressedCut = []paydb.Regression{{EventID: 7, PaymentID: 4, Asked: ago(time.Hour)}, {EventID: 8, PaymentID: 5, Asked: ago(time.Hour)}}, true
		})}, want: "PAYMENT_STATUS_REGRESSION critical", says: []string{"at least 2 payments are CAPTURED again", "at least 2, asked for", "5 (event 8) and more"}},
	} {
		t.Run(name, func(t *testing.T) {
			limits := x.limits
			if limits.MaxRetries == 0 {
				limits = outboxLimits
			}
			o := diagnose.Outbox{Shards: diagnose.SortOutbox(x.replies, limits), Locks: x.locks, Limits: limits}
			for _, r := range x.replies {
				o.Asked = append(o.Asked, r.Asked)
			}
			found, _ := diagnose.JudgeOutbox(o)
			codes, text := told(found)
			if codes != x.want {
				t.Errorf("found %s, want %s\n%s", codes, x.want, text)
			}
			for _, want := range x.says {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q:\n%s", want, text)
				}
			}
			for _, f := range found {
				if len(f.Evidence) == 0 && f.Kind == catalog.Cause || len(f.Next) == 0 && f.Severity != catalog.Info && f.Code != catalog.SrcPartialResult {
					t.Errorf("%s has %d pieces of evidence and %d next steps", f.Code, len(f.Evidence), len(f.Next))
				}
			}
		})
	}
}

// What a rule could not see is never called ruled out.
func TestOutboxRuledOut(t *testing.T) {
	ran := func(change func(*paydb.Outbox)) []catalog.Code {
		r := changed(outboxOf(1, time.Second), change)
		_, ran := diagnose.JudgeOutbox(diagnose.Outbox{Asked: []paydb.Asked{r.Asked}, Shards: diagnose.SortOutbox([]paydb.Reply[paydb.Outbox]{r}, outboxLimits), Limits: outboxLimits})
		return ran
	}
	all := ran(func(*paydb.Outbox) {})
	for _, x := range []struct {
		why    string
		change func(*paydb.Outbox)
		not    []catalog.Code
	}{
		{"not all events were looked at", func(o *paydb.Outbox) { o.Whole = false }, []catalog.Code{catalog.OutboxMarkedNotPublished, catalog.OutboxUnknownEventType, catalog.OutboxEventMissing}},
		{"nor found by an index", func(o *paydb.Outbox) { o.Whole, o.Indexed = false, false }, []catalog.Code{catalog.OutboxBacklog, catalog.OutboxPollerStalled, catalog.OutboxDeadLetters}},
		{"the oldest are given up, and not all behind them were looked at", func(o *paydb.Outbox) { *o = behind(outboxOf(1, time.Second), 5000, nil).Facts },
			[]catalog.Code{catalog.OutboxBacklog, catalog.OutboxShardBacklog, catalog.OutboxParityStranded, catalog.OutboxPollerStalled, catalog.OutboxDrainTooSlow, catalog.OutboxDeadLetters}},
		{"more wait than were looked at", func(o *paydb.Outbox) { o.AtLeast = true }, []catalog.Code{catalog.OutboxDeadLetters}},
		{"no time of publishing", func(o *paydb.Outbox) { o.Lacks = []string{"published_at"} }, []catalog.Code{catalog.OutboxPollerStalled, catalog.OutboxMarkedNotPublished}},
		{"events are written in another zone", func(o *paydb.Outbox) { o.LastAt = noon.Add(9 * time.Hour) },
			[]catalog.Code{catalog.OutboxBacklog, catalog.OutboxPollerStalled, catalog.OutboxParityStranded, catalog.OutboxDrainTooSlow, catalog.OutboxEventMissing}},
		{"events are written by a fast clock", func(o *paydb.Outbox) { o.LastAt = noon.Add(9 * time.Second) }, []catalog.Code{catalog.OutboxBacklog, catalog.OutboxPollerStalled}},
		{"a few of one parity are late", func(o *paydb.Outbox) { o.Waiting, o.Count = waits(9, 1, 2, 2*time.Hour), 9 }, []catalog.Code{catalog.OutboxParityStranded}},
		{"the lock was not seen", func(o *paydb.Outbox) { o.Lock = nil }, []catalog.Code{catalog.OutboxLockStuck, catalog.OutboxLockSchemaBroken}},
	} {
		got := ran(x.change)
		for _, code := range x.not {
			if slices.Contains(got, code) || !slices.Contains(all, code) {
				t.Errorf("%s: %s is ruled out (with everything seen: %t)", x.why, code, slices.Contains(all, code))
			}
		}
	}
}

// A rule that stands down for who waits for the outbox's locks is not called ruled out.
func TestAnOutboxThatIsLockedRulesNoPollerOut(t *testing.T) {
	r := outboxOf(1, 11*time.Minute, waits(60, 1, 1, 11*time.Minute)...)
	for name, x := range map[string]struct {
		locks paydb.Health
		want  bool
	}{
		"rows of the outbox":                {paydb.Health{LockWaits: []paydb.LockWait{{Table: "`paydb`.`outbox_event`", Age: 40 * time.Second}}}, true},
		"just asked again, behind the same": {paydb.Health{LockWaits: []paydb.LockWait{{Table: "`paydb`.`outbox_event`", Age: time.Second, BlockerAge: 9 * time.Minute}}}, true},
		"a whole table":                     {paydb.Health{TableWaits: []paydb.TableWait{{Age: 40 * time.Second, State: "Waiting for table metadata lock"}}}, true},
		"rows of another table":             {paydb.Health{LockWaits: []paydb.LockWait{{Table: "`paydb`.`payment`", Age: 40 * time.Second}}}, false},
		"a wait of a moment":                {paydb.Health{LockWaits: []paydb.LockWait{{Table: "`paydb`.`outbox_event`", Age: time.Second, BlockerAge: time.Second}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := diagnose.Outbox{Asked: []paydb.Asked{r.Asked}, Shards: diagnose.SortOutbox([]paydb.Reply[paydb.Outbox]{r}, outboxLimits), Limits: outboxLimits,
				Locks: []paydb.Reply[paydb.Health]{{Asked: r.Asked, Facts: x.locks}}}
			found, ran := diagnose.JudgeOutbox(o)
			codes, text := told(found)
			if strings.Contains(codes, "OUTBOX_POLLER_STALLED") == x.want {
				t.Errorf("found %s\n%s", codes, text)
			}
			for _, code := range []catalog.Code{catalog.OutboxPollerStalled, catalog.OutboxDrainTooSlow} {
				if slices.Contains(ran, code) == x.want {
					t.Errorf("%s is among what ran: %t", code, !x.want)
				}
			}
		})
	}
}
