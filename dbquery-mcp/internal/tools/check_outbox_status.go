package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// OutboxIn are the arguments of check_outbox_status.
type OutboxIn struct {
	MaxAge *int `json:"max_age_minutes,omitempty" jsonschema:"age from which on a waiting event is stuck; default OUTBOX_STUCK_AFTER, 5" min:"1" max:"1440"`
}

// OutboxData is what check_outbox_status answers.
type OutboxData struct {
	StuckAfter int64             `json:"stuck_after_s"`
	MaxRetries string            `json:"max_retries"`
	Shards     []OutboxShardRow  `json:"shards"`
	Types      []OutboxTypeRow   `json:"waiting_by_type,omitempty"`
	Dead       []OutboxEventRow  `json:"dead_letters,omitempty"` // the first few
	Lock       *OutboxLockStatus `json:"poller_lock"`            // null: not seen
	Notes      []string          `json:"notes,omitempty"`
}

// OutboxShardRow is one shard's outbox. Ages are by the database's clock; null is
// nothing there, or not known.
type OutboxShardRow struct {
	Shard     string   `json:"shard"`
	Waiting   string   `json:"waiting"` // for the poller; "at least" when there are more than were counted
	Oldest    *float64 `json:"oldest_s"`
	Dead      int      `json:"dead"`
	Tried     int      `json:"tried"` // of those waiting, tried and refused
	Odd       int      `json:"odd_ids"`
	Even      int      `json:"even_ids"`
	Published *float64 `json:"last_published_s_ago"`
	Draining  string   `json:"draining"`
	In        *float64 `json:"arrive_per_s"`
	Out       *float64 `json:"publish_per_s"`
	Measured  string   `json:"measured,omitempty"`
	ETA       string   `json:"done_in,omitempty"`
}

// OutboxTypeRow is what waits of a type on a shard, dead letters among it.
type OutboxTypeRow struct {
	Shard   string   `json:"shard"`
	Type    any      `json:"event_type"` // a known one as a word, any other as foreign text
	Waiting int      `json:"waiting"`
	Dead    int      `json:"dead"`
	Oldest  *float64 `json:"oldest_s"`
	Retries string   `json:"retry_count"`
}

// OutboxEventRow is an event that was given up.
type OutboxEventRow struct {
	Shard   string     `json:"shard"`
	Event   int64      `json:"event_id"`
	Payment int64      `json:"payment_id"`
	Type    any        `json:"event_type"`
	Retries int64      `json:"retry_count"`
	LastTry *time.Time `json:"last_retry_at"`
}

// OutboxLockStatus is the poller's lock on the first shard.
type OutboxLockStatus struct {
	State string        `json:"state"` // free, held, stuck, never taken, broken
	Taken *float64      `json:"taken_s_ago"`
	Left  *float64      `json:"held_for_s"`
	By    *foreign.Text `json:"locked_by"`
}

func (d Deps) handleCheckOutboxStatus(ctx context.Context, in OutboxIn) (report.Answer[OutboxData], error) {
	var a report.Answer[OutboxData]
	limits := d.outboxLimits()
	if in.MaxAge != nil {
		limits.StuckAfter = time.Duration(*in.MaxAge) * time.Minute
	}
	v, err := d.lookAtOutbox(ctx, limits)
	if err != nil {
		return a, err
	}
	a.Findings = v.judged.Found
	for _, r := range v.replies {
		a.Sources = append(a.Sources, r.Source)
		if a.AsOf.IsZero() {
			a.AsOf = r.Clock.Database
		}
	}
	a.Coverage, a.Data = v.coverage(), v.data()
	a.Because = v.because()
	a.Conclude(v.judged.Ran...)
	a.Summary = v.summary(a.Findings, a.Verdict)
	return a, nil
}

// outboxLimits are the settings, with the defaults where nothing is set.
func (d Deps) outboxLimits() diagnose.OutboxLimits {
	l := d.Outbox
	l.MaxRetries, l.StuckAfter = cmp.Or(l.MaxRetries, diagnose.DefaultMaxRetries), cmp.Or(l.StuckAfter, diagnose.DefaultStuckAfter)
	return l
}

// lookAtOutbox looks once, and a second time when something is amiss: what is so
// at both times is no passing state, and between them there is movement to see.
func (d Deps) lookAtOutbox(ctx context.Context, limits diagnose.OutboxLimits) (v outboxView, err error) {
	v.deps = d
	o := &v.outbox
	o.Limits, o.Limited = limits, d.Scope.Limited()
	began := time.Now()
	if v.replies, err = d.askOutbox(ctx); err != nil {
		return v, err
	}
	o.Asked, o.Shards = asked(v.replies), diagnose.SortOutbox(v.replies, limits)
	if o.Suspicious() {
		if v.late, err = d.lookAgain(ctx, o, &v.replies, began); err != nil {
			return v, err
		}
	}
	v.judged = diagnose.OutboxTwice(*o)
	return v, nil
}

func (d Deps) askOutbox(ctx context.Context) ([]paydb.Reply[paydb.Outbox], error) {
	replies, err := d.DB.Outbox(ctx, paydb.OutboxQuery{Events: true})
	for i := range replies {
		if c := &replies[i].Clock.Database; !c.IsZero() {
			*c = c.In(d.Zone)
		}
	}
	return replies, err
}

// lookAgain takes the second look, and finds out who is hurt by what it saw. late
// are the shards that were not looked at again in time.
func (d Deps) lookAgain(ctx context.Context, o *diagnose.Outbox, replies *[]paydb.Reply[paydb.Outbox], began time.Time) (late []string, err error) {
	first, took := *replies, time.Since(began)
	if !again(ctx, took) {
		for _, s := range o.Shards {
			late = append(late, s.Shard)
		}
		return late, nil
	}
	tool.Progress(ctx, 1, 3, "a second look")
	if *replies, err = d.askOutbox(ctx); err != nil {
		return nil, err
	}
	late = known(first, *replies)
	before := slices.DeleteFunc(o.Shards, func(s diagnose.OutboxShard) bool { return slices.Contains(late, s.Shard) })
	o.Asked, o.Shards = asked(*replies), diagnose.SortOutbox(*replies, o.Limits)
	o.Before, o.Apart = before, time.Since(began)-took
	tool.Progress(ctx, 2, 3, "who is hurt")
	if o.Locks, err = d.DB.Locks(ctx); err != nil {
		return nil, err
	}
	o.Hurt = map[diagnose.Trouble][]paydb.Reply[paydb.Hurt]{}
	for _, trouble := range diagnose.Troubles {
		if o.Hurt[trouble], err = d.hurtBy(ctx, *o, trouble); err != nil {
			return nil, err
		}
	}
	return late, nil
}

// hurtBy looks up whose payments a trouble is about; nil when it is about none.
func (d Deps) hurtBy(ctx context.Context, o diagnose.Outbox, trouble diagnose.Trouble) ([]paydb.Reply[paydb.Hurt], error) {
	of := make([]paydb.Whose, len(d.DB.Shards()))
	some := false
	for i, name := range d.DB.Shards() {
		of[i].Within = d.Scope
		for _, s := range o.Shards {
			if s.Shard == name {
				of[i].IDs = s.IDs(trouble)
				some = some || len(of[i].IDs) > 0
			}
		}
	}
	if !some {
		return nil, nil
	}
	return d.DB.Hurt(ctx, of)
}

func (d Deps) checkOutboxStatus() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "check_outbox_status",
		Title: "Check the outbox",
		Description: "Do payment events leave the outbox: what waits on each shard and for how long, dead letters, whether it drains, how fast and until when, and the cause where it does not (poller stalled, its lock stuck or broken, one parity or one shard stranded, unknown or missing events, marked by hand), with the payments, merchants and amounts hurt. " +
			"Reach for it when payments stay in CAPTURE_REQUESTED or REFUND_REQUESTED, or after Kafka or a breaker failed. " +
			"It sees the databases alone: whether Kafka or an open breaker holds events back, circuitbreaker-mcp tells.",
		Examples: []string{`{}`, `{"max_age_minutes":10}`},
	}, d.handleCheckOutboxStatus)
}

// outboxView is what is shown of the outbox.
type outboxView struct {
	deps    Deps
	outbox  diagnose.Outbox
	replies []paydb.Reply[paydb.Outbox]
	judged  diagnose.Twice
	late    []string // shards that were to be looked at twice, and were once
}

func (v outboxView) data() OutboxData {
	l := v.outbox.Limits
	d := OutboxData{StuckAfter: int64(l.StuckAfter.Seconds()), MaxRetries: fmt.Sprintf("%d (assumed)", l.MaxRetries), Shards: []OutboxShardRow{}}
	if l.MaxRetriesSet {
		d.MaxRetries = fmt.Sprintf("%d (set)", l.MaxRetries)
	}
	for _, s := range v.outbox.Shards {
		d.Shards = append(d.Shards, v.shardRow(s))
		d.Types = append(d.Types, typeRows(s, v.outbox.AgesKnown())...)
		if s.Lock != nil {
			d.Lock = lockStatus(s)
		}
		if v.deps.Scope.Limited() {
			continue // whose payments they are would have to be asked first
		}
		for _, e := range s.Dead[:min(len(s.Dead), 5)] {
			row := OutboxEventRow{Shard: s.Shard, Event: e.ID, Payment: e.PaymentID, Type: eventType(e.Type), Retries: e.Retries}
			if !e.LastTry.IsZero() {
				at := e.LastTry.In(v.deps.Zone)
				row.LastTry = &at
			}
			d.Dead = append(d.Dead, row)
		}
	}
	d.Notes = v.notes()
	return d
}

func (v outboxView) shardRow(s diagnose.OutboxShard) OutboxShardRow {
	n, atLeast := s.LiveCount()
	row := OutboxShardRow{Shard: s.Shard, Waiting: fmt.Sprint(n), Dead: len(s.Dead)}
	if atLeast {
		row.Waiting = "at least " + row.Waiting
	}
	aged := v.outbox.AgesKnown()
	if age, ok := s.OldestLive(); ok && aged {
		row.Oldest = tenths(age)
	}
	if ago, ok := s.Since(); ok && aged {
		row.Published = tenths(ago)
	}
	for _, e := range s.Live {
		if e.Retries > 0 || !e.LastTry.IsZero() {
			row.Tried++
		}
		if e.PaymentID%2 != 0 {
			row.Odd++
		} else {
			row.Even++
		}
	}
	drain := v.outbox.Drain(s.Shard)
	switch age, waits := s.OldestLive(); {
	case !waits && !s.Hidden:
		row.Draining = "nothing waits"
	case !aged:
		row.Draining = "not known"
	case s.Draining():
		row.Draining = "yes"
	case age < diagnose.PublishFresh && s.Hidden:
		row.Draining = "not known"
	case age < diagnose.FewTurns:
		row.Draining = "nothing is late"
	default:
		row.Draining = "no"
	}
	if drain.Known {
		in, out := round(drain.In), round(drain.Out)
		row.In, row.Out, row.Measured = &in, &out, "last minutes"
		if drain.Sampled {
			row.Measured = "two looks " + drain.Over.Round(time.Second/10).String() + " apart"
		}
		switch {
		case drain.Duration > 0:
			row.ETA = drain.Duration.Round(time.Second).String()
		case drain.Waiting > 0 && row.Oldest != nil && *row.Oldest >= diagnose.PublishFresh.Seconds():
			row.ETA = "never at this rate"
		}
	}
	return row
}

func tenths(d time.Duration) *float64 {
	s := round(d.Seconds())
	return &s
}

// round keeps one digit behind the point.
func round(f float64) float64 { return float64(int64(f*10+0.5)) / 10 }

// typeRows counts what waits on a shard by type.
func typeRows(s diagnose.OutboxShard, aged bool) (rows []OutboxTypeRow) {
	var order []foreign.Text
	type sum struct {
		n           int
		dead        int
		oldest      time.Duration
		least, most int64
	}
	sums := map[foreign.Text]*sum{}
	for _, e := range s.Waiting {
		x := sums[e.Type]
		if x == nil {
			x = &sum{least: e.Retries, most: e.Retries}
			sums[e.Type], order = x, append(order, e.Type)
		}
		x.n++
		x.oldest = max(x.oldest, s.Age(e))
		x.least, x.most = min(x.least, e.Retries), max(x.most, e.Retries)
	}
	for _, e := range s.Dead {
		sums[e.Type].dead++
	}
	slices.SortFunc(order, func(a, b foreign.Text) int {
		return cmp.Or(cmp.Compare(sums[b].n, sums[a].n), cmp.Compare(a, b))
	})
	for _, k := range order[:min(len(order), 8)] {
		x := sums[k]
		retries := fmt.Sprint(x.least)
		if x.most != x.least {
			retries = fmt.Sprintf("%d-%d", x.least, x.most)
		}
		var oldest *float64
		if aged {
			oldest = tenths(x.oldest)
		}
		rows = append(rows, OutboxTypeRow{s.Shard, eventType(k), x.n, x.dead, oldest, retries})
	}
	return rows
}

// eventType is a word where it is a known one.
func eventType(k foreign.Text) any {
	if slices.Contains(paydb.EventTypes, string(k)) {
		return string(k)
	}
	return k
}

func lockStatus(s diagnose.OutboxShard) *OutboxLockStatus {
	l, now := s.Lock, s.Clock.Database
	switch {
	case l.Broken != "":
		return &OutboxLockStatus{State: "broken"}
	case !l.Found:
		return &OutboxLockStatus{State: "never taken"}
	}
	status := &OutboxLockStatus{State: "free", Taken: tenths(max(now.Sub(l.Taken), 0)), By: &l.By}
	if left := l.Until.Sub(now); left > 0 {
		status.State, status.Left = "held", tenths(left)
	}
	return status
}

func (v outboxView) notes() (notes []string) {
	if v.deps.Scope.Limited() {
		notes = append(notes, "counts and ages are of all merchants' events, for the outbox is one queue; payments and amounts hurt are of this server's merchants only: "+v.deps.Scope.String())
	}
	for _, s := range v.outbox.Shards {
		if s.Lock != nil && s.Lock.Broken != "" && s.Publishing() {
			notes = append(notes, s.Lock.Broken+" on "+s.Shard+", yet events are published: this build polls without that lock")
		}
		if s.Cut() && !s.Hidden { // of what is hidden, because tells
			notes = append(notes, fmt.Sprintf("%s: the oldest %d waiting events were looked at one by one, the others only counted", s.Shard, len(s.Waiting)))
		}
	}
	for _, r := range v.outbox.Locks {
		if r.Source.OK() && r.SameAs == "" && r.Facts.LockWaits == nil {
			notes = append(notes, "who waits for locks on "+r.Shard+" was not seen: the account lacks PROCESS")
		}
	}
	return slices.Concat(notes, widerAccounts(v.outbox.Asked))
}

func (v outboxView) coverage() report.Coverage {
	c := report.Coverage{Looked: []string{heard(asked(v.replies))}, Not: silent(asked(v.replies))}
	for _, s := range v.outbox.Shards {
		if !s.Whole {
			waits := "all that waits"
			if s.Cut() {
				waits = "the oldest that wait"
			}
			c.Looked = append(c.Looked, fmt.Sprintf("%s: %s, and the newest 100000 events, since %s", s.Shard, waits, s.SeenSince.In(v.deps.Zone).Format(time.RFC3339)))
			c.Not = append(c.Not, s.Shard+": published events before that (marked by hand, unknown types)")
		}
	}
	c.Not = append(c.Not, v.uncompared()...)
	return c
}

// uncompared is where an event may be missing unseen; nothing where because says it.
func (v outboxView) uncompared() (not []string) {
	var before []string
	for _, s := range v.outbox.Shards {
		switch {
		case slices.Contains(s.Lacks, paydb.NoPaymentIndex):
		case s.ComparedSince.IsZero():
			not = append(not, s.Shard+": missing events (no published one tells since when they are kept)")
		default:
			before = append(before, s.ComparedSince.In(v.deps.Zone).Format(time.RFC3339)+" on "+s.Shard)
		}
	}
	if len(before) > 0 {
		not = append(not, "missing events of payments before "+strings.Join(before, ", "))
	}
	return not
}

// because is what could not be found out.
func (v outboxView) because() string {
	var why []string
	for _, s := range v.outbox.Shards {
		if !s.Indexed && !s.Whole {
			why = append(why, fmt.Sprintf("outbox_event of %s has no index over published, created_at: only the newest 100000 events were searched for waiting ones", s.Shard))
		}
		if len(s.Lacks) > 0 {
			why = append(why, fmt.Sprintf("%s lacks %s", s.Shard, strings.Join(s.Lacks, ", ")))
		}
		if s.Hidden {
			why = append(why, s.HiddenWords())
		}
		if !s.Compared && !s.ComparedSince.IsZero() {
			why = append(why, s.Shard+" keeps events of more payments than were compared with them")
		}
	}
	if text := v.judged.Passing(); text != "" {
		why = append(why, text)
	}
	amiss := slices.ContainsFunc(v.judged.Found, func(f report.Finding) bool { return f.Verdict != catalog.OK })
	if len(v.late) > 0 && (amiss || v.outbox.Before != nil) {
		why = append(why, lookedOnce(v.late))
	}
	return strings.Join(why, "; ")
}

// summary is the line to read out.
func (v outboxView) summary(found []report.Finding, verdict catalog.Verdict) string {
	if len(v.outbox.Shards) == 0 {
		return "no payment database answered, so nothing is known of the outbox"
	}
	text := partly(asked(v.replies))
	var n, dead int64
	var oldest float64
	atLeast, deadLeast, published, aged := "", "", -1.0, v.outbox.AgesKnown()
	for _, s := range v.outbox.Shards {
		row := v.shardRow(s)
		live, more := s.LiveCount()
		n, dead = n+live, dead+int64(len(s.Dead))
		if more {
			atLeast = "at least "
		}
		if len(s.Dead) > 0 && s.CutOff(diagnose.GivenUp) {
			deadLeast = "at least "
		}
		if row.Oldest != nil {
			oldest = max(oldest, *row.Oldest)
		}
		if row.Published != nil && (published < 0 || *row.Published < published) {
			published = *row.Published
		}
	}
	head := "OK"
	if i := slices.IndexFunc(found, func(f report.Finding) bool { return f.Kind == catalog.Cause && f.Verdict != catalog.OK }); i >= 0 {
		head = strings.ReplaceAll(strings.TrimPrefix(string(found[i].Code), "OUTBOX_"), "_", " ")
	} else if slices.ContainsFunc(found, func(f report.Finding) bool { return f.Code == catalog.OutboxBacklog }) {
		head = "BACKLOG"
	} else if verdict != catalog.OK {
		head = "as far as seen"
	}
	text += fmt.Sprintf("%s - %s%d events wait", head, atLeast, n)
	if n > 0 && aged {
		text += fmt.Sprintf(", the oldest %s", time.Duration(oldest*float64(time.Second)).Round(time.Second/10))
	}
	switch {
	case !aged:
		text += "; since when is not known, for their times lie in the future"
	case published >= 0:
		text += fmt.Sprintf("; last published %s ago", time.Duration(published*float64(time.Second)).Round(time.Second/10))
	default:
		text += "; none seen published"
	}
	if dead > 0 {
		text += fmt.Sprintf("; %s%d given up", deadLeast, dead)
	}
	return text
}
