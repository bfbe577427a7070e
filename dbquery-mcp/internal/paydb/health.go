package paydb

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Health is how a shard's server is. What could not be asked is in Unasked, and
// its facts are nil.
type Health struct {
	Server       *Server
	Replication  []Replica        // one for each server that it copies from; empty, not nil: it is no replica
	Sessions     []Session        // of all accounts, by account and command
	Transactions []Transaction    // that are open, those that hold locks first, the oldest first among them and among the rest; at most 20
	LockWaits    []LockWait       // sessions that wait for row locks, once each, the longest first; at most 20
	TableWaits   []TableWait      // sessions that wait for a lock on a whole table, the longest first; at most 20
	Schema       map[string]Table // every table of schema.sql; one that is missing has no columns
	Newest       time.Time        // when the newest payment was requested; zero: not known
	Misrouted    *Misrouted

	TransactionsCut bool // more of them are open
	LockWaitsCut    bool // more sessions wait for row locks
	TableWaitsCut   bool // more sessions wait for tables

	Unasked []Unasked
}

// Unasked is a question that the server did not answer.
type Unasked struct {
	Question string // in words: "transactions that are open"
	Grant    string // what the account lacks for it; empty when that is not the reason
	Failure  *fault.Failure
	Number   uint16
}

// healthQuestion is one thing to ask. Each has its turn whatever came of the others.
type healthQuestion struct {
	name  string
	grant string             // what it needs beyond SELECT on the schema
	may   func(Account) bool // whether the account has it; nil: nothing is needed
	ask   func(*Reader, context.Context, *Health) error
}

func healthQuestions(belongs func(merchant string) bool) []healthQuestion {
	process := func(a Account) bool { return a.Process }
	return []healthQuestion{
		{name: "connections and settings of the server", ask: (*Reader).server},
		{name: "sessions of all accounts", grant: "PROCESS", may: process, ask: (*Reader).sessions},
		{name: "transactions that are open", grant: "PROCESS", may: process, ask: (*Reader).transactions},
		{name: "waits for row locks", grant: "PROCESS", may: process, ask: (*Reader).lockWaits},
		{name: "waits for locks on tables", grant: "PROCESS", may: process, ask: (*Reader).tableWaits},
		{name: "state of replication", grant: "SLAVE MONITOR", may: func(a Account) bool { return a.Replication }, ask: (*Reader).replication},
		{name: "tables, indexes and foreign keys", grant: "SELECT on the whole payment schema", may: func(a Account) bool { return a.Schema }, ask: (*Reader).wholeSchema},
		{name: "the newest payment", ask: (*Reader).newestPayment},
		{name: "merchants on the wrong shard", ask: func(r *Reader, ctx context.Context, h *Health) error {
			if belongs == nil {
				return nil
			}
			return r.misrouted(ctx, belongs, h)
		}},
		{name: "deadlocks while this was asked", ask: (*Reader).deadlocks}, // the last: for as long as the others took
	}
}

// Health asks every shard how it is. A shard that was lost on the way has a source
// that failed, and the facts that it had told. belongs says whether a merchant's payments
// belong on the shard at a place of Shards; nil: nobody knows.
func (db *DB) Health(ctx context.Context, belongs func(merchant string, place int) bool) ([]Reply[Health], error) {
	ctx, cancel := early(ctx)
	defer cancel()
	replies := make([]Reply[Health], len(db.shards))
	errs := make([]error, len(db.shards))
	fault.TogetherEach(len(db.shards), func(i int) { replies[i], errs[i] = db.health(ctx, i, belongs) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	markSame(replies)
	return replies, nil
}

// health asks one shard. After an answer that is an error the connection is
// thrown away, so the questions behind it go over another one. What was answered
// stays in the facts when the time ends or no other connection comes about.
func (db *DB) health(ctx context.Context, place int, belongs func(string, int) bool) (whole Reply[Health], err error) {
	var here func(string) bool
	if belongs != nil {
		here = func(merchant string) bool { return belongs(merchant, place) }
	}
	questions := healthQuestions(here)
	var h Health
	answered := false
	for next := 0; next < len(questions); next++ {
		reply, err := askShard(ctx, db.shards[place], func(ctx context.Context, r *Reader) (Health, error) {
			for ; next < len(questions); next++ {
				q := questions[next]
				if q.may != nil && !q.may(r.session.account) {
					h.Unasked = append(h.Unasked, Unasked{Question: q.name, Grant: q.grant})
					continue
				}
				before := h
				if err := q.ask(r, ctx, &h); err != nil {
					h = before // half of an answer would pass for a whole one
					return h, err
				}
				answered = true
			}
			return h, nil
		})
		if err != nil {
			return reply, err
		}
		took := whole.Source.Took + reply.Source.Took
		over := reply.Source.OK() || reply.Phase == Connecting || ctx.Err() != nil
		// A call whose time ended says nothing against a server that had answered.
		late := ctx.Err() != nil && answered && !reply.Source.OK()
		if whole.Shard == "" || over && !late {
			whole = reply
		}
		whole.Source.Took = took
		if over && !late {
			break
		}
		h.unasked(reply, questions[next].name)
		whole.Source.Err, whole.Phase, whole.Number = nil, "", 0 // the shard did answer
		if late {
			for _, q := range questions[next+1:] {
				h.unasked(reply, q.name)
			}
			break
		}
	}
	whole.Facts = h
	if h.Schema != nil {
		whole.Tables = h.Schema
	}
	if whole.Source.OK() {
		whole.Source.Asked = "how the server is"
	}
	return whole, nil
}

// unasked notes a question that a failure left open.
func (h *Health) unasked(reply Reply[Health], question string) {
	h.Unasked = append(h.Unasked, Unasked{Question: question, Failure: reply.Source.Err, Number: reply.Number})
}

// Server is what the server says of itself.
type Server struct {
	Version        foreign.Text
	ReadOnly       bool
	TimeZone       foreign.Text // of the server, not of our session
	Connected      int
	MaxConnections int
	MostConnected  int           // since it started
	RefusedFull    int64         // connections refused since it started, for all were in use
	Deadlocks      int64         // since it started
	History        int64         // undo records that open transactions keep
	Uptime         time.Duration // whole seconds

	// Meanwhile are the deadlocks between the first of the questions and the last, which
	// lie Watched apart; 0 for both: it was not asked.
	Meanwhile int64
	Watched   time.Duration
	asked     time.Time
}

const sqlServer = `SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES
  WHERE VARIABLE_NAME IN ('VERSION', 'READ_ONLY', 'TIME_ZONE', 'SYSTEM_TIME_ZONE', 'MAX_CONNECTIONS')
UNION ALL SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
  WHERE VARIABLE_NAME IN ('THREADS_CONNECTED', 'MAX_USED_CONNECTIONS', 'CONNECTION_ERRORS_MAX_CONNECTIONS', 'INNODB_DEADLOCKS', 'INNODB_HISTORY_LIST_LENGTH', 'UPTIME')`

func (r *Reader) server(ctx context.Context, h *Health) error {
	known, err := r.named(ctx, "connections and settings of the server", sqlServer)
	if err != nil {
		return err
	}
	zone := known["time_zone"]
	if zone == "SYSTEM" {
		zone = known["system_time_zone"]
	}
	h.Server = &Server{
		Version: foreign.Text(known["version"]), TimeZone: foreign.Text(zone),
		ReadOnly:  known["read_only"] != "OFF" && known["read_only"] != "0",
		Connected: int(known.number("threads_connected")), MaxConnections: int(known.number("max_connections")),
		MostConnected: int(known.number("max_used_connections")), RefusedFull: known.number("connection_errors_max_connections"),
		Deadlocks: known.number("innodb_deadlocks"), History: known.number("innodb_history_list_length"),
		Uptime: time.Duration(known.number("uptime")) * time.Second,
		asked:  time.Now(),
	}
	return nil
}

// deadlocks reads their number again: what it was since the server started says
// nothing of now.
func (r *Reader) deadlocks(ctx context.Context, h *Health) error {
	if h.Server == nil {
		return nil
	}
	var now Health
	if err := r.server(ctx, &now); err != nil {
		return err
	}
	h.Server.Meanwhile, h.Server.Watched = max(now.Server.Deadlocks-h.Server.Deadlocks, 0), now.Server.asked.Sub(h.Server.asked)
	return nil
}

// Replica is the state of copying from another server.
type Replica struct {
	Name            foreign.Text // of the channel; mostly empty
	From            foreign.Text // host:port of the server that it copies from
	Fetching        foreign.Text // whether it takes over what the other writes: Yes, No, Connecting
	Applying        foreign.Text // whether it carries that out
	Behind          *int64       // seconds; nil when the server does not know
	Delay           int64        // seconds that it is meant to stay behind
	Failed, Refused foreign.Text // what broke applying, and fetching; empty: nothing
}

const sqlReplication = `SHOW ALL SLAVES STATUS`

func (r *Reader) replication(ctx context.Context, h *Health) error {
	h.Replication = []Replica{}
	return r.run(ctx, sqlReplication, sqlReplication, nil, func(rows *sql.Rows) error {
		f, err := namedFields(rows)
		if err != nil {
			return err
		}
		known := knownValues(f)
		one := Replica{
			Name: foreign.Text(f["connection_name"]), From: foreign.Text(f["master_host"] + ":" + f["master_port"]),
			Fetching: foreign.Text(f["slave_io_running"]), Applying: foreign.Text(f["slave_sql_running"]), Delay: known.number("sql_delay"),
			Failed: foreign.Text(f["last_sql_error"]), Refused: foreign.Text(f["last_io_error"]),
		}
		if f["seconds_behind_master"] != "" {
			n := known.number("seconds_behind_master")
			one.Behind = &n
		}
		h.Replication = append(h.Replication, one)
		return nil
	})
}

// knownValues are what a server says, by name.
type knownValues map[string]string

// number is 0 for what is missing or no whole number.
func (k knownValues) number(name string) int64 {
	n, err := strconv.ParseInt(k[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// named asks for rows of a name and a value.
func (r *Reader) named(ctx context.Context, name, query string) (knownValues, error) {
	known := knownValues{}
	err := r.run(ctx, name, query, nil, func(rows *sql.Rows) error {
		var name, value sql.NullString
		err := rows.Scan(&name, &value)
		known[name.String] = value.String
		return err
	})
	return known, err
}

func (r *Reader) newestPayment(ctx context.Context, h *Health) error {
	t, err := r.paymentTable(ctx)
	if err != nil {
		return err
	}
	if t.Columns["requested_at"] != "" {
		h.Newest, err = r.newestOfAll(ctx, t)
	}
	return err
}
