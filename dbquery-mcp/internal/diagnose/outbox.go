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

// Limits of the outbox rules.
const (
	// PublishFresh is how recent the last publishing must be for the poller to be at
	// work, and how old an event must be to be late for it.
	PublishFresh = time.Minute
	// FewTurns is as long as the poller takes for some of its turns, of about a second.
	FewTurns = 5 * time.Second
	// lockAhead is how far ahead the poller's lock may be held: it takes it for at
	// most 30 s.
	lockAhead = time.Minute
	// lockIdle is how long ago the lock may have been taken while a poller lives: it
	// takes it about every second.
	lockIdle = time.Minute
	// givenUp is how long after its last try an event counts as given up, when others
	// were published since.
	givenUp = 5 * time.Minute
	// leastParity is how many payments must be stuck before their parity is no chance.
	leastParity = 10
	// otherParity is which part of the late events may be of the other parity, or tried.
	otherParity = 0.05
	// slowShare and slowLeast are how much must arrive beyond what is published before
	// the poller counts as too slow: a part of the arrivals, and so many events.
	slowShare = 0.05
	slowLeast = 30
)

// Defaults of the payment system's settings; deployments change them.
const (
	DefaultMaxRetries = 10
	DefaultStuckAfter = 5 * time.Minute
)

// OutboxLimits are the settings the rules go by.
type OutboxLimits struct {
	StuckAfter    time.Duration
	MaxRetries    int64
	MaxRetriesSet bool // by the operator; otherwise it is assumed
}

// OutboxShard is a shard's outbox, sorted by what became of the events.
type OutboxShard struct {
	paydb.Asked
	paydb.Outbox
	Live  []paydb.OutboxEvent // waiting, and the poller will take them; oldest first
	Dead  []paydb.OutboxEvent // waiting for nobody: tried too often
	Guess bool                // dead by an assumed limit alone
	// Hidden says that the oldest that wait are all dead, and that not all behind them were
	// looked at: Live may lack any, the oldest too.
	Hidden bool
	limits OutboxLimits
}

// Trouble names what a list of payment ids is for.
type Trouble string

// The troubles whose payments are looked up.
const (
	Late      Trouble = "late"
	GivenUp   Trouble = "given_up"
	Unmarked  Trouble = "unmarked"
	Strange   Trouble = "strange"
	Missed    Trouble = "missed"
	Regressed Trouble = "regressed"
)

// Troubles are all of them.
var Troubles = []Trouble{Late, GivenUp, Unmarked, Strange, Missed, Regressed}

// Outbox is all that the rules look at.
type Outbox struct {
	Asked  []paydb.Asked               // every shard, also those that failed
	Shards []OutboxShard               // those that answered, one database once
	Before []OutboxShard               // the same a moment earlier; nil when asked once
	Apart  time.Duration               // between the two
	Locks  []paydb.Reply[paydb.Health] // who waits for locks, and who holds them; nil when not asked
	Hurt   map[Trouble][]paydb.Reply[paydb.Hurt]
	Limits OutboxLimits
	// Limited says that only some merchants may be spoken of: then no payment is named
	// of which it is not known whose it is.
	Limited bool
}

// SortOutbox sorts what the shards answered.
func SortOutbox(replies []paydb.Reply[paydb.Outbox], limits OutboxLimits) (all []OutboxShard) {
	for _, r := range replies {
		if !r.Source.OK() || r.SameAs != "" {
			continue
		}
		s := OutboxShard{Asked: r.Asked, Outbox: r.Facts, limits: limits}.sorting(r.Facts.Waiting)
		if len(s.Live) == 0 && s.Cut() {
			s.Waiting = slices.Concat(s.Waiting, s.Latest)
			s = s.sorting(s.Latest)
			s.Hidden = s.Cut()
		}
		all = append(all, s)
	}
	return all
}

// sorting adds events to those that live or are dead.
func (s OutboxShard) sorting(events []paydb.OutboxEvent) OutboxShard {
	for _, e := range events {
		dead, guess := s.dead(e)
		if dead {
			s.Dead, s.Guess = append(s.Dead, e), s.Guess || guess
		} else {
			s.Live = append(s.Live, e)
		}
	}
	return s
}

// dead reports whether nobody tries an event again. The limit of the deployment
// may be lower than ours: an event that was left alone while later ones were
// published has reached it.
func (s OutboxShard) dead(e paydb.OutboxEvent) (dead, guess bool) {
	left := e.Retries > 0 && !e.LastTry.IsZero() && s.Published.Sub(e.LastTry) > givenUp
	over := e.Retries >= s.limits.MaxRetries
	recent := !e.LastTry.IsZero() && s.now().Sub(e.LastTry) < givenUp
	return left || over, over && !left && recent && !s.limits.MaxRetriesSet
}

func (s OutboxShard) now() time.Time { return s.Clock.Database }

// at is a moment in the zone of the clock.
func (s OutboxShard) at(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(s.now().Location()).Format(time.RFC3339)
}

// Age is how long an event has waited.
func (s OutboxShard) Age(e paydb.OutboxEvent) time.Duration { return max(s.now().Sub(e.Created), 0) }

// OldestLive is the age of the oldest event that the poller should take.
func (s OutboxShard) OldestLive() (age time.Duration, ok bool) {
	if len(s.Live) == 0 {
		return 0, false
	}
	return s.Age(s.Live[0]), true
}

// Since is how long ago an event was published last.
func (s OutboxShard) Since() (ago time.Duration, ok bool) {
	if s.Published.IsZero() {
		return 0, false
	}
	return max(s.now().Sub(s.Published), 0), true
}

// Publishing reports whether an event was published within the last minute.
func (s OutboxShard) Publishing() bool {
	ago, ok := s.Since()
	return ok && ago <= PublishFresh
}

// Draining reports whether an event was published within the last minute, and since the
// oldest that waits came: what was published before tells of no poller that takes these.
func (s OutboxShard) Draining() bool {
	ago, _ := s.Since()
	age, waits := s.OldestLive()
	return s.Publishing() && (!waits || ago < age)
}

// LiveCount is how many events wait for the poller, and whether there are more.
func (s OutboxShard) LiveCount() (n int64, atLeast bool) {
	if s.Hidden {
		return int64(len(s.Live)), true
	}
	return s.Count - int64(len(s.Dead)), s.AtLeast
}

// Cut reports whether more events wait than were looked at one by one: what is said
// of them is then a lower bound.
func (s OutboxShard) Cut() bool { return s.AtLeast || int64(len(s.Waiting)) < s.Count }

// CutOff reports whether there is more of a trouble than IDs knows of.
func (s OutboxShard) CutOff(t Trouble) bool {
	switch t {
	case Late, GivenUp:
		return s.Cut()
	case Unmarked:
		return s.UnmarkedCut
	case Strange:
		return s.StrangeCut
	case Missed:
		return s.MissedCut
	case Regressed:
		return s.RegressedCut
	}
	return false
}

// HiddenWords says what keeps the live events from being known.
func (s OutboxShard) HiddenWords() string {
	n := s.Count - int64(len(s.Waiting))
	return fmt.Sprintf("the oldest waiting events of %s are all given up, and of those behind them %s were not looked at: some may wait for the poller", s.Shard, manyAtLeast(n, s.AtLeast))
}

// olderThan are live events of at least an age.
func (s OutboxShard) olderThan(age time.Duration) []paydb.OutboxEvent {
	n := 0
	for _, e := range s.Live { // by time of creation, unless there was no index for that
		if s.Age(e) >= age {
			n++
		}
	}
	if n == len(s.Live) {
		return s.Live
	}
	return slices.DeleteFunc(slices.Clone(s.Live), func(e paydb.OutboxEvent) bool { return s.Age(e) < age })
}

// Backlogged reports whether an event is stuck.
func (s OutboxShard) Backlogged() bool {
	age, ok := s.OldestLive()
	return ok && age >= s.limits.StuckAfter
}

// untried are late events that nobody tried to publish.
func (s OutboxShard) untried() []paydb.OutboxEvent {
	return slices.DeleteFunc(slices.Clone(s.olderThan(PublishFresh)), func(e paydb.OutboxEvent) bool { return e.Retries > 0 || !e.LastTry.IsZero() })
}

// IDs are the payments of a trouble on this shard.
func (s OutboxShard) IDs(t Trouble) (ids []int64) {
	var events []paydb.OutboxEvent
	switch t {
	case Late:
		events = s.olderThan(PublishFresh)
	case GivenUp:
		events = s.Dead
	case Unmarked:
		events = s.Unmarked
	case Strange:
		events = s.strange()
	case Missed:
		for _, m := range s.Missed {
			ids = append(ids, m.PaymentID)
		}
	case Regressed:
		for _, x := range s.Regressed {
			ids = append(ids, x.PaymentID)
		}
	}
	for _, e := range events {
		ids = append(ids, e.PaymentID)
	}
	return ids
}

// strange are events of types that no consumer listens to, waiting or not.
func (s OutboxShard) strange() (all []paydb.OutboxEvent) {
	all = slices.Clone(s.Strange)
	for _, e := range s.Waiting {
		known := slices.Contains(paydb.EventTypes, string(e.Type))
		listed := slices.ContainsFunc(s.Strange, func(o paydb.OutboxEvent) bool { return o.ID == e.ID })
		if !known && !listed {
			all = append(all, e)
		}
	}
	return all
}

// Suspicious reports whether a second look is worth its time: something is late,
// or wrong as it stands.
func (o Outbox) Suspicious() bool {
	for _, s := range o.Shards {
		if len(s.olderThan(PublishFresh))+len(s.Dead)+len(s.Unmarked)+len(s.strange())+len(s.Missed)+len(s.Regressed) > 0 {
			return true
		}
		if s.Lock != nil && (s.Lock.Broken != "" || s.Lock.Until.Sub(s.now()) > lockAhead) {
			return true
		}
	}
	return false
}

// JudgeOutbox runs the rules. ran are the codes of those that had all they need.
func JudgeOutbox(o Outbox) (found []report.Finding, ran []catalog.Code) {
	found, ran = Judge(o.times())
	if slices.ContainsFunc(o.Shards, OutboxShard.Cut) { // what waits and was not read may lie in the future
		ran = slices.DeleteFunc(ran, func(c catalog.Code) bool { return c == catalog.SrcTimezoneMismatch })
	}
	for _, judge := range []func(Outbox) []report.Finding{
		lockBroken, lockStuck, outboxLocked, parityStranded, pollerStalled, drainTooSlow,
		deadLetters, regressedStatus, unknownTypes, markedByHand, eventMissing, backlog, shardBacklog, pendingFresh,
	} {
		found = append(found, judge(o)...)
	}
	found = withoutRepeats(found)
	if len(o.Shards) == 0 || slices.ContainsFunc(o.Asked, func(a paydb.Asked) bool { return !a.Source.OK() }) {
		return found, ran
	}
	return found, append(ran, o.ran()...)
}

// AgesKnown reports whether the times of events can be held against the database's
// clock: where they lie far in the future, all of them would seem to be of just now.
func (o Outbox) AgesKnown() bool { return len(zone(o.times())) == 0 }

// times are when the newest event of each shard was written or published, by whoever
// did that, and when those that wait were written.
func (o Outbox) times() Shards {
	t := Shards{Asked: o.Asked, Of: "outbox event", Newest: make([]time.Time, len(o.Asked)), Read: make([][]time.Time, len(o.Asked)), ReadOf: "waiting events"}
	for i, a := range o.Asked {
		for _, s := range o.Shards {
			if s.Shard != a.Shard {
				continue
			}
			if t.Newest[i] = s.LastAt; s.Published.After(s.LastAt) {
				t.Newest[i] = s.Published
			}
			for _, e := range s.Waiting {
				t.Read[i] = append(t.Read[i], e.Created)
			}
		}
	}
	return t
}

// withoutRepeats leaves out of symptoms what their cause has said already: whom it
// hurts, and evidence but for one.
func withoutRepeats(found []report.Finding) []report.Finding {
	var said []report.Finding
	for _, f := range found {
		if f.Kind == catalog.Cause {
			said = append(said, f)
		}
	}
	for i, f := range found {
		if f.Kind != catalog.Symptom {
			continue
		}
		for _, cause := range said {
			if cause.Blast == f.Blast {
				found[i].Blast = ""
			}
			f.Evidence = slices.DeleteFunc(slices.Clone(f.Evidence), func(e report.Evidence) bool { return slices.Contains(cause.Evidence, e) })
		}
		if len(f.Evidence) > 0 {
			found[i].Evidence = f.Evidence
		} else {
			found[i].Evidence = first(1, found[i].Evidence)
		}
	}
	return found
}

// ran are the codes of the rules that saw all they need on every shard.
func (o Outbox) ran() (codes []catalog.Code) {
	all := func(ok func(OutboxShard) bool) bool {
		return !slices.ContainsFunc(o.Shards, func(s OutboxShard) bool { return !ok(s) })
	}
	lacks := func(s OutboxShard, column string) bool { return slices.Contains(s.Lacks, column) }
	whole := func(s OutboxShard) bool { return s.Indexed || s.Whole }
	live := func(s OutboxShard) bool { return whole(s) && !s.Hidden }
	aged := o.times().timed()
	if all(live) && aged {
		codes = append(codes, catalog.OutboxBacklog, catalog.OutboxShardBacklog)
		if all(func(s OutboxShard) bool { return !lacks(s, "published_at") }) {
			if !o.parityOpen() {
				codes = append(codes, catalog.OutboxParityStranded)
			}
			if !o.anyContended() {
				codes = append(codes, catalog.OutboxPollerStalled, catalog.OutboxDrainTooSlow)
			}
		}
	}
	if all(whole) {
		if all(func(s OutboxShard) bool { return !s.Cut() && !lacks(s, "retry_count") && !lacks(s, "last_retry_at") }) {
			codes = append(codes, catalog.OutboxDeadLetters)
		}
	}
	if all(func(s OutboxShard) bool { return s.Whole && !lacks(s, "published_at") }) {
		codes = append(codes, catalog.OutboxMarkedNotPublished)
	}
	if aged && all(func(s OutboxShard) bool { return s.Whole && s.Followed }) {
		codes = append(codes, catalog.PaymentStatusRegression)
	}
	if all(func(s OutboxShard) bool { return s.Whole }) {
		codes = append(codes, catalog.OutboxUnknownEventType)
		if aged && all(func(s OutboxShard) bool { return s.Compared }) {
			codes = append(codes, catalog.OutboxEventMissing)
		}
	}
	if slices.ContainsFunc(o.Shards, func(s OutboxShard) bool { return s.Lock != nil }) {
		codes = append(codes, catalog.OutboxLockStuck, catalog.OutboxLockSchemaBroken)
	}
	return codes
}

// lock is the poller's lock and the shard that has it.
func (o Outbox) lock() (OutboxShard, *paydb.PollerLock) {
	for _, s := range o.Shards {
		if s.Lock != nil {
			return s, s.Lock
		}
	}
	return OutboxShard{}, nil
}

// publishing reports whether any shard's events get published.
func (o Outbox) publishing() bool { return slices.ContainsFunc(o.Shards, OutboxShard.Publishing) }

// late reports whether any shard has live events older than a minute.
func (o Outbox) late() bool {
	return slices.ContainsFunc(o.Shards, func(s OutboxShard) bool { return len(s.olderThan(PublishFresh)) > 0 })
}

// hurts adds whose payments a trouble is about.
func (o Outbox) hurts(f report.Finding, t Trouble) report.Finding {
	words, _ := HurtWords(o.Hurt[t])
	if words == "" {
		return f
	}
	cut := slices.ContainsFunc(o.Shards, func(s OutboxShard) bool { return s.CutOff(t) })
	if cut && !strings.HasPrefix(words, "at least") {
		words = "at least " + words
	}
	return f.Hurts("%s", words)
}
