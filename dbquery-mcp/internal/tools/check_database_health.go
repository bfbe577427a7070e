package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// HealthIn are the arguments of check_database_health.
type HealthIn struct {
	Detail string `json:"detail,omitempty" jsonschema:"full lists open transactions, lock waits, sessions by account and how each table differs" enum:"brief,full" default:"brief"`
}

// HealthData is what check_database_health answers.
type HealthData struct {
	Shards       []ShardHealth    `json:"shards"`
	Replication  []ReplicaRow     `json:"replication,omitempty"`
	Transactions []TransactionRow `json:"open_transactions,omitempty"` // with detail: full
	LockWaits    []LockWaitRow    `json:"lock_waits,omitempty"`        // with detail: full
	Sessions     []SessionRow     `json:"sessions,omitempty"`          // with detail: full
	Schema       []DriftRow       `json:"schema_differences,omitempty"`
	Unasked      []UnaskedRow     `json:"not_asked,omitempty"`
	Notes        []string         `json:"notes,omitempty"`
}

// ShardHealth is one shard's server. null is not known; not_asked says why.
type ShardHealth struct {
	Shard          string        `json:"shard"`
	Answers        bool          `json:"answers"`
	SameAs         string        `json:"same_as,omitempty"` // the shard that is this very database
	Version        *foreign.Text `json:"version"`
	Connected      *int          `json:"connections"`
	MaxConnections *int          `json:"max_connections"`
	Role           *string       `json:"role"` // primary or replica, as far as the server tells
	OldestTrx      *int64        `json:"oldest_transaction_s"`
	LockWaits      *int          `json:"lock_waits"` // sessions that wait for a row or a table just now
	ClockAhead     *float64      `json:"clock_ahead_s"`
	Zone           *foreign.Text `json:"server_zone"`
	Newest         *time.Time    `json:"newest_payment"`
	Tables         *string       `json:"schema"`
	Identity       string        `json:"identity,omitempty"` // with detail: full
}

// ReplicaRow is the replication of a shard that is a replica.
type ReplicaRow struct {
	Shard    string       `json:"shard"`
	From     foreign.Text `json:"from"`
	Behind   *int64       `json:"behind_s"` // null: the server does not know
	Fetching foreign.Text `json:"fetching"`
	Applying foreign.Text `json:"applying"`
}

// TransactionRow is a transaction that is open.
type TransactionRow struct {
	Shard      string       `json:"shard"`
	Session    int64        `json:"session"`
	User       foreign.Text `json:"user"`
	Host       foreign.Text `json:"host"`
	Age        int64        `json:"age_s"`
	Command    foreign.Text `json:"command"`
	RowsLocked int64        `json:"rows_locked"`
	Modified   int64        `json:"rows_modified"`
	Statement  foreign.Text `json:"statement"` // without its values
}

// LockWaitRow is a session that waits.
type LockWaitRow struct {
	Shard     string        `json:"shard"`
	Waiter    int64         `json:"session"`
	For       foreign.Text  `json:"waits_for"` // a table's rows, or a lock on a table
	Age       int64         `json:"age_s"`
	Blocker   *int64        `json:"blocked_by"` // null: the server does not say
	By        *foreign.Text `json:"blocker"`
	Statement foreign.Text  `json:"statement"` // without its values
}

// SessionRow counts sessions of an account.
type SessionRow struct {
	Shard   string       `json:"shard"`
	User    foreign.Text `json:"user"`
	Command foreign.Text `json:"command"`
	Count   int          `json:"count"`
	Longest int64        `json:"longest_s"`
}

// DriftRow is how a table differs from schema.sql.
type DriftRow struct {
	Shard   string `json:"shard"`
	Table   string `json:"table"`
	Differs string `json:"differs"`
}

// UnaskedRow is a question without an answer.
type UnaskedRow struct {
	Shard    string `json:"shard"`
	Question string `json:"question"`
	Why      string `json:"why"`
}

func (d Deps) handleCheckDatabaseHealth(ctx context.Context, in HealthIn) (report.Answer[HealthData], error) {
	var a report.Answer[HealthData]
	var belongs func(string, int) bool
	if len(d.DB.Shards()) == shard.Two {
		belongs = func(merchant string, place int) bool {
			return shard.Of(merchant) == place+1 || d.Scope.Check(merchant) != nil
		}
	}
	replies, err := d.DB.Health(ctx, belongs)
	if err != nil {
		return a, err
	}
	facts := diagnose.Database{}
	for i := range replies {
		r := &replies[i]
		if !r.Clock.Database.IsZero() {
			r.Clock.Database = r.Clock.Database.In(d.Zone)
		}
		facts.Asked = append(facts.Asked, r.Asked)
		facts.Newest = append(facts.Newest, r.Facts.Newest)
		facts.Health = append(facts.Health, r.Facts)
		a.Sources = append(a.Sources, r.Source)
		if a.AsOf.IsZero() {
			a.AsOf = r.Clock.Database
		}
	}
	var ran []catalog.Code
	a.Findings, ran, a.Because = diagnose.JudgeDatabase(facts)
	h := health{deps: d, replies: replies}
	a.Data = h.data(in.Detail == full)
	a.Coverage.Looked = []string{heard(asked(h.replies))}
	a.Coverage.Not = silent(asked(h.replies))
	a.Conclude(ran...)
	a.Summary = h.summary(a.Findings)
	return a, nil
}

// health is what the shards told of themselves, put together.
type health struct {
	deps    Deps
	replies []paydb.Reply[paydb.Health]
}

// summary is the worst first.
func (h health) summary(found []report.Finding) string {
	var words []string
	for _, r := range h.replies {
		switch s := r.Facts.Server; {
		case !r.Source.OK() && s != nil:
			words = append(words, r.Shard+" was lost on the way ("+strings.ReplaceAll(string(r.Source.Err.Class), "_", " ")+")")
		case !r.Source.OK():
			words = append(words, r.Shard+" did not answer ("+strings.ReplaceAll(string(r.Source.Err.Class), "_", " ")+")")
		case r.SameAs != "":
			words = append(words, r.Shard+" is "+r.SameAs)
		case s != nil:
			words = append(words, fmt.Sprintf("%s answers, %d of %d connections", r.Shard, s.Connected, s.MaxConnections))
		default:
			words = append(words, r.Shard+" answers")
		}
	}
	text := strings.Join(words, "; ")
	if len(found) > 0 && found[0].Severity.Rank() <= catalog.Medium.Rank() {
		text += "; first: " + found[0].Claim
	}
	return text
}

func (h health) data(full bool) HealthData {
	d := HealthData{Shards: []ShardHealth{}, Notes: widerAccounts(asked(h.replies))}
	for _, r := range h.replies {
		d.Shards = append(d.Shards, h.shard(r, full))
		for _, x := range r.Facts.Replication {
			d.Replication = append(d.Replication, ReplicaRow{r.Shard, x.From, x.Behind, x.Fetching, x.Applying})
		}
		if promoted(r) {
			d.Notes = append(d.Notes, r.Shard+" was a replica: its replication was stopped, and it takes payments by itself now; RESET SLAVE ALL would take the rest of it away")
		}
		if r.Facts.TransactionsCut {
			d.Notes = append(d.Notes, fmt.Sprintf("%s has more than %d open transactions: all that is told of them is of those that hold locks, and of the oldest others", r.Shard, len(r.Facts.Transactions)))
		}
		if n := len(r.Facts.LockWaits) + len(r.Facts.TableWaits); r.Facts.LockWaitsCut || r.Facts.TableWaitsCut {
			d.Notes = append(d.Notes, fmt.Sprintf("%s has more sessions that wait for locks than these %d: those that have waited longest are told", r.Shard, n))
		}
		if s := r.Facts.Server; s != nil && s.Meanwhile > 0 && r.SameAs == "" {
			d.Notes = append(d.Notes, r.Shard+": "+diagnose.DeadlockWords(*s))
		}
		for _, u := range r.Facts.Unasked {
			d.Unasked = append(d.Unasked, UnaskedRow{r.Shard, u.Question, why(u)})
		}
		if full && r.SameAs == "" {
			d.locks(r)
		}
	}
	if h.deps.Scope.Limited() {
		d.Notes = append(d.Notes, "merchants on the wrong shard were looked for among these alone: "+h.deps.Scope.String())
	}
	return d
}

// promoted reports whether a shard was a replica and is none any more.
func promoted(r paydb.Reply[paydb.Health]) bool {
	of := r.Facts.Replication
	return len(of) > 0 && !slices.ContainsFunc(of, func(x paydb.Replica) bool { return !diagnose.Promoted(r.Asked, r.Facts, x) })
}

func why(u paydb.Unasked) string {
	if u.Failure == nil {
		return "the account lacks " + u.Grant
	}
	return string(u.Failure.Class) + ": " + u.Failure.Said.Quoted()
}

func (d *HealthData) locks(r paydb.Reply[paydb.Health]) {
	seconds := func(t time.Duration) int64 { return int64(t / time.Second) }
	for _, t := range r.Facts.Transactions {
		d.Transactions = append(d.Transactions, TransactionRow{r.Shard, t.Session, t.User, t.Host, seconds(t.Age), t.Command, t.RowsLocked, t.Modified, t.Statement})
	}
	for _, w := range r.Facts.LockWaits {
		d.LockWaits = append(d.LockWaits, LockWaitRow{r.Shard, w.Waiter, w.Table, seconds(w.Age), &w.Blocker, &w.BlockerUser, w.Statement})
	}
	for _, w := range r.Facts.TableWaits {
		d.LockWaits = append(d.LockWaits, LockWaitRow{r.Shard, w.Session, w.State, seconds(w.Age), nil, nil, w.Statement})
	}
	for _, s := range r.Facts.Sessions {
		d.Sessions = append(d.Sessions, SessionRow{r.Shard, s.User, s.Command, s.Count, seconds(s.Longest)})
	}
	for _, name := range paydb.TableNames() {
		t, looked := r.Facts.Schema[name]
		if drift := t.Drift(); looked && !drift.None() {
			d.Schema = append(d.Schema, DriftRow{r.Shard, name, drift.String()})
		}
	}
}

func (h health) shard(r paydb.Reply[paydb.Health], full bool) ShardHealth {
	s := ShardHealth{Shard: r.Shard, Answers: r.Source.OK(), SameAs: r.SameAs}
	f := r.Facts
	if !r.Source.OK() && f.Server == nil {
		return s
	}
	if full {
		s.Identity = r.Identity.String()
	}
	if f.Server != nil {
		s.Version, s.Zone = &f.Server.Version, &f.Server.TimeZone
		s.Connected, s.MaxConnections = &f.Server.Connected, &f.Server.MaxConnections
	}
	if f.Replication != nil {
		role := "primary, or alone"
		if len(f.Replication) > 0 {
			role = "replica"
		}
		if promoted(r) {
			role = "primary, once a replica"
		}
		s.Role = &role
	}
	if f.Transactions != nil {
		var oldest int64
		for _, t := range f.Transactions {
			oldest = max(oldest, int64(t.Age/time.Second))
		}
		s.OldestTrx = &oldest
	}
	if f.LockWaits != nil && f.TableWaits != nil {
		n := len(f.LockWaits) + len(f.TableWaits)
		s.LockWaits = &n
	}
	if !r.Clock.Database.IsZero() {
		ahead, _ := r.Clock.Skew()
		seconds := float64(ahead.Milliseconds()) / 1000
		s.ClockAhead = &seconds
	}
	if !f.Newest.IsZero() {
		at := f.Newest.In(h.deps.Zone)
		s.Newest = &at
	}
	if f.Schema != nil {
		differ := slices.DeleteFunc(paydb.TableNames(), func(name string) bool { return f.Schema[name].Drift().None() })
		text := "as expected"
		if len(differ) > 0 {
			text = "differs: " + strings.Join(differ, ", ")
		}
		s.Tables = &text
	}
	return s
}

func (d Deps) checkDatabaseHealth() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "check_database_health",
		Title: "Check the payment databases",
		Description: "How each shard's MariaDB is: whether it answers, whether two shards are one server, connections, open transactions and lock waits, replica lag, schema differences, clock and zone, merchants on the wrong shard. " +
			"Reach for it when payments fail for about half of the merchants, writes hang, or another tool's answer is partial. " +
			"What the account may not ask is named and never counted as well; it does not look at payments themselves.",
		Examples: []string{`{}`, `{"detail":"full"}`},
	}, d.handleCheckDatabaseHealth)
}
