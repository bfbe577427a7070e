package tools

import (
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/when"
)

// reconciliation is what a call of reconciliation_check asks.
type reconciliation struct {
	ask      paydb.ReconcileQuery
	scope    string // as it was understood
	time     when.Spec
	timed    bool   // the time bounds the scope
	resolved string // the window, once a database told its clock
	window   *paydb.Window
	hash     uint64
	again    bool   // it goes on where another stopped
	unpaired string // why postings on another shard could not be looked up
}

const (
	scopeRecent = "recent"
	scopeAll    = "all"
	paceGentle  = "gentle"

	recentScope = "the last 24 h, and at least the newest 100000 payments"
)

func (d Deps) reconciliation(in ReconciliationIn) (*reconciliation, error) {
	return d.reconciliationFor("", in)
}

// reconciliationFor is for a question of another purpose than to compare the books,
// whose cursors go on with that one alone: what was only added up is not compared.
func (d Deps) reconciliationFor(purpose string, in ReconciliationIn) (q *reconciliation, err error) {
	q = &reconciliation{ask: paydb.ReconcileQuery{
		Checks: paydb.Checks{Settlements: contains(in.Checks, "settlement"), Refunds: contains(in.Checks, "refund")},
		Grace:  d.ledgerGrace(), Snapshot: in.Snapshot, Gentle: in.Pace == paceGentle, Judged: diagnose.Judged, Merchants: d.Scope,
	}}
	q.ask.Judge = diagnose.Against(q.ask.Checks)
	if in.MerchantID != "" {
		if err := d.Scope.Check(in.MerchantID); err != nil {
			return nil, err
		}
		q.ask.Merchants = []string{in.MerchantID}
	}
	if len(d.DB.Shards()) == 2 && len(q.ask.Merchants) == 0 {
		q.ask.Belongs = belongs
	}
	if q.time, err = when.Parse(when.Args{TimeRange: in.TimeRange, Since: in.Since, Until: in.Until}); err != nil {
		return nil, invalidTime(err)
	}
	q.timed = !q.time.IsZero() && !q.time.IsAll()
	scope := strings.ToLower(strings.TrimSpace(in.Scope))
	if scope == "" {
		scope = scopeRecent
		if q.time.IsAll() || in.MerchantID != "" {
			scope = scopeAll
		}
	}
	switch {
	case scope == scopeRecent && q.time.IsAll():
		return nil, fault.New(fault.Invalid, "Say scope all", "scope recent and all time contradict each other")
	case scope == scopeRecent:
		q.scope = recentScope
		q.ask.Newest = newestAlways
		switch {
		case q.timed:
			q.scope, q.ask.Newest = "", 0
		case len(q.ask.Merchants) > 0: // theirs are found by time alone
			q.scope, q.ask.Newest = "the last 24 h", 0
		}
	case scope == scopeAll && q.timed && len(q.ask.Merchants) == 0:
		return nil, fault.New(fault.Invalid, "Say scope recent with a time_range, or all without one", "scope all and a time contradict each other")
	case scope == scopeAll:
		q.scope = "all payments"
	default:
		if q.ask.First, q.ask.Last, err = idsOf(scope); err != nil {
			return nil, err
		}
		if q.timed {
			return nil, fault.New(fault.Invalid, "Say payment ids, or a time", "payment ids and a time contradict each other")
		}
		q.scope = "payment ids " + strconv.FormatInt(q.ask.First, 10) + " .. " + strconv.FormatInt(q.ask.Last, 10)
	}
	if in.MerchantID != "" {
		q.scope = strings.TrimSuffix("this merchant's payments, "+q.scope, ", ")
	}
	if q.timed || scope == scopeRecent {
		q.ask.Window = func(now time.Time) (paydb.Window, error) { return q.windowAt(now, d.Zone) }
	}
	q.hash = d.hashOf(purpose, in)
	if in.Cursor == "" {
		return q, nil
	}
	return q, q.goOn(in.Cursor)
}

// ledgerGrace is the default of LEDGER_GRACE where nothing is set.
func (d Deps) ledgerGrace() time.Duration {
	if d.LedgerGrace > 0 {
		return d.LedgerGrace
	}
	return diagnose.DefaultLedgerGrace
}

// idsOf reads a range of payment ids: 1000-2000, 1000..2000, or one id.
func idsOf(scope string) (least, most int64, err error) {
	from, to, two := strings.Cut(strings.Replace(scope, "..", "-", 1), "-")
	if !two {
		to = from
	}
	least, err = strconv.ParseInt(strings.TrimSpace(from), 10, 64)
	if err == nil {
		most, err = strconv.ParseInt(strings.TrimSpace(to), 10, 64)
	}
	if err != nil || least < 1 || most < least {
		return 0, 0, fault.Invalidf("scope: want recent, all, or payment ids from low to high such as 1000-2000")
	}
	return least, most, nil
}

// windowAt resolves the time by the database's clock.
func (q *reconciliation) windowAt(now time.Time, zone *time.Location) (paydb.Window, error) {
	if q.window != nil {
		return *q.window, nil
	}
	w := paydb.Window{Since: now.Add(-recentIs), Until: now}
	if q.timed {
		r, err := q.time.At(now, zone)
		if err != nil {
			return w, invalidTime(err)
		}
		q.resolved, w = r.String(), paydb.Window{Since: r.Since, Until: r.Until}
	}
	q.window = &w
	return w, nil
}

// mark is a paydb.Mark on its way through a cursor.
type mark struct {
	Shard string `json:"s"`
	After int64  `json:"a"`
	Last  int64  `json:"l"`
	Done  bool   `json:"d,omitempty"`
	N     int    `json:"n,omitempty"`
	At    int64  `json:"t,omitempty"`
	// Of the payments older than the window.
	OlderLeft bool  `json:"o,omitempty"`
	Older     int64 `json:"i,omitempty"`
	OlderCut  bool  `json:"x,omitempty"`
}

// reconcileCursor is where a reconciliation stopped. It holds no secret and gives
// no right: it only leaves out what is done.
type reconcileCursor struct {
	Version int    `json:"v"`
	Hash    uint64 `json:"h"`
	Since   int64  `json:"f,omitempty"`
	Until   int64  `json:"u,omitempty"`
	Clock   int64  `json:"c,omitempty"`
	Marks   []mark `json:"m"`
}

func (q *reconciliation) cursor(replies []paydb.Reply[paydb.Reconciled]) string {
	c := reconcileCursor{Version: cursorVersion, Hash: q.hash}
	if q.window != nil {
		c.Since, c.Until = micros(q.window.Since), micros(q.window.Until)
	}
	for _, r := range replies {
		if e := r.Facts.End; r.SameAs == "" && e != (paydb.Mark{}) {
			c.Marks = append(c.Marks, mark{r.Shard, e.After, e.Last, e.Done, e.Merchant, micros(e.At), e.OlderLeft, e.Older, e.OlderCut})
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("tools: a cursor does not encode: " + err.Error()) // numbers and names alone
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (q *reconciliation) goOn(cursor string) error {
	var c reconcileCursor
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &c) != nil || c.Version != cursorVersion {
		return errCursor
	}
	if c.Hash != q.hash {
		return fault.Invalidf("cursor belongs to another question: give it with the arguments of the part before, or leave it out")
	}
	q.again, q.ask.From = true, map[string]paydb.Mark{}
	for _, m := range c.Marks {
		q.ask.From[m.Shard] = paydb.Mark{After: m.After, Last: m.Last, Done: m.Done, Merchant: m.N, At: fromMicros(m.At), OlderLeft: m.OlderLeft, Older: m.Older, OlderCut: m.OlderCut}
	}
	if q.ask.Window != nil {
		q.window = &paydb.Window{Since: fromMicros(c.Since), Until: fromMicros(c.Until)}
	}
	return nil
}

// hashOf is of all that makes the parts of a reconciliation.
func (d Deps) hashOf(purpose string, in ReconciliationIn) uint64 {
	h := fnv.New64a()
	err := json.NewEncoder(h).Encode([]any{purpose, in.Scope, in.MerchantID, in.TimeRange, in.Since, in.Until, in.Checks, d.Scope, d.Zone.String(), d.DB.Shards()})
	if err != nil {
		panic("tools: a question does not encode: " + err.Error())
	}
	return h.Sum64()
}
