package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// Limits of the rules on a database's health.
const (
	// longWait is how long a wait for a lock must last to be more than traffic.
	longWait = 5 * time.Second
	// longTransaction is how long a transaction that holds row locks must be open:
	// the payment system's own take milliseconds.
	longTransaction = time.Minute
	// manyDeadlocks is how many there must be while the server is asked, and in each
	// second of that, to be more than two payments that got into each other's way.
	manyDeadlocks = 3
	// staleReplica is how far a replica may be behind what it is meant to be.
	staleReplica = 10 * time.Second
	// freshPayment is how young the newest payment must be for a server to be written
	// to by the payment system itself.
	freshPayment = time.Minute
	// fullShare of all connections in use is nearly all, in percent.
	fullShare = 90
)

// Database is how the shards' servers are, in the order of the shards.
type Database struct {
	Shards
	Health []paydb.Health // beside Asked
}

// JudgeDatabase runs the rules on the health of the databases, and those on
// asking them. because is what could not be found out and no finding says.
func JudgeDatabase(d Database) (found []report.Finding, ran []catalog.Code, because string) {
	found, ran = Judge(d.Shards)
	found = d.lost(found)
	for i, a := range d.Asked {
		if a.SameAs != "" {
			continue
		}
		h := d.Health[i]
		waits := lockContention(d.Shards, a, h)
		if len(waits) == 0 {
			waits = deadlocks(a, h)
		}
		found = slices.Concat(found, waits, nearlyFull(a, h))
		if a.Source.OK() {
			found = slices.Concat(found, replicaLag(a, h), d.misrouted(i))
		}
	}
	found = append(found, d.mayNotAsk()...)
	found = append(found, d.tooSlow()...)
	because = strings.Join(d.unknown(), "; ")
	if len(d.answered()) < len(d.Asked) {
		return found, ran, because
	}
	for _, x := range []struct {
		code  catalog.Code
		asked func(paydb.Health) bool
	}{
		{catalog.DBLockContention, func(h paydb.Health) bool {
			return h.LockWaits != nil && h.TableWaits != nil && h.Transactions != nil && h.Server != nil && h.Server.Watched > 0 && h.Server.Meanwhile == 0
		}},
		{catalog.DBTooManyConnections, func(h paydb.Health) bool { return h.Server != nil }},
		{catalog.DBReplicaLag, func(h paydb.Health) bool { return h.Replication != nil }},
		{catalog.DBSchemaDrift, func(h paydb.Health) bool { return h.Schema != nil }},
		{catalog.ShardMisroutedMerchant, func(h paydb.Health) bool { return d.twoDatabases() && h.Misrouted != nil && h.Misrouted.Whole }},
	} {
		if slices.ContainsFunc(d.Health, func(h paydb.Health) bool { return !x.asked(h) }) {
			continue
		}
		// Of an account that does not see all columns, drift is never told.
		if x.code != catalog.DBSchemaDrift || !slices.ContainsFunc(d.Asked, func(a paydb.Asked) bool { return a.Account.Partial }) {
			ran = append(ran, x.code)
		}
	}
	return found, ran, because
}

// lockContention is DB_LOCK_CONTENTION: sessions that wait for locks, or a
// transaction that has held some for long, whether or not anybody waits just now.
func lockContention(s Shards, a paydb.Asked, h paydb.Health) []report.Finding {
	rows := slices.DeleteFunc(slices.Clone(h.LockWaits), func(w paydb.LockWait) bool { return w.Age < longWait })
	tables := slices.DeleteFunc(slices.Clone(h.TableWaits), func(w paydb.TableWait) bool { return w.Age < longWait })
	holders := slices.DeleteFunc(slices.Clone(h.Transactions), func(t paydb.Transaction) bool { return t.Age < longTransaction || t.RowsLocked == 0 || t.Waits })
	var claims []string
	if n := len(rows); n > 0 {
		claims = append(claims, fmt.Sprintf("%s wait for row locks on %s for up to %s", counted(n, h.LockWaitsCut && n == len(h.LockWaits), "session"), rows[0].Table.Quoted(), rows[0].Age))
	}
	if n := len(tables); n > 0 {
		claims = append(claims, fmt.Sprintf("%s wait for a lock on a whole table for up to %s", counted(n, h.TableWaitsCut && n == len(h.TableWaits), "session"), tables[0].Age))
	}
	if len(holders) > 0 {
		claims = append(claims, fmt.Sprintf("a transaction of %s holds locks on about %s", holders[0].Age, count(int(holders[0].RowsLocked), "row")))
	}
	if len(claims) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.DBLockContention, "%s: %s", a.Shard, strings.Join(claims, "; "))
	for _, t := range first(3, holders) {
		f = f.With(a.Source.Name, "transaction "+t.ID, fmt.Sprintf("session %d of %s from %s, %s since %s, open %s, about %s locked, %d modified",
			t.Session, t.User.Quoted(), t.Host.Quoted(), t.Command.Quoted(), t.Idle, t.Age, count(int(t.RowsLocked), "row"), t.Modified), a.Clock.Database)
	}
	for _, w := range first(3, rows) {
		f = f.With(a.Source.Name, "wait for rows of "+w.Table.Quoted(), fmt.Sprintf("session %d of %s for %s, blocked by session %d of %s from %s, %s, whose transaction is %s old",
			w.Waiter, w.WaiterUser.Quoted(), w.Age, w.Blocker, w.BlockerUser.Quoted(), w.BlockerHost.Quoted(), w.BlockerCommand.Quoted(), w.BlockerAge), a.Clock.Database)
	}
	for _, w := range first(3, tables) {
		f = f.With(a.Source.Name, w.State.Quoted(), fmt.Sprintf("session %d of %s for %s: %s", w.Session, w.User.Quoted(), w.Age, w.Statement.Quoted()), a.Clock.Database)
	}
	return []report.Finding{f.Hurts("whatever must change the locked rows: %s", s.lives(a)).Then(
		"Find who owns the blocking session (account and host above) and have them end their transaction",
		"If the owner is gone, a database administrator may end that one session (KILL and its number); nothing is lost but what it has not committed",
		"Then look with check_outbox_status whether the backlog drains")}
}

// deadlocks is DB_LOCK_CONTENTION in which nobody waits for long, for the server ends one
// transaction of each pair. A call is a short time to tell by: it is not sure.
func deadlocks(a paydb.Asked, h paydb.Health) []report.Finding {
	s := h.Server
	if s == nil || s.Meanwhile < manyDeadlocks || float64(s.Meanwhile) < s.Watched.Seconds() {
		return nil
	}
	f := report.NewFinding(catalog.DBLockContention, "%s had %d deadlocks within %s", a.Shard, s.Meanwhile, s.Watched.Round(time.Millisecond)).Unsure()
	return []report.Finding{f.With(a.Source.Name, "Innodb_deadlocks, twice", DeadlockWords(*s), a.Clock.Database).Then(
		"Ask again: deadlocks that go on are of two pieces of code that lock the same rows in another order",
		"Have a database administrator look at SHOW ENGINE INNODB STATUS, which has the statements of the latest one")}
}

// DeadlockWords tells how many deadlocks there were while a server was asked.
func DeadlockWords(s paydb.Server) string {
	return fmt.Sprintf("%s in the %s in which this was asked, %d since the server started %s ago", count(int(s.Meanwhile), "deadlock"), s.Watched.Round(time.Millisecond), s.Deadlocks+s.Meanwhile, s.Uptime)
}

// nearlyFull is DB_TOO_MANY_CONNECTIONS while one is still left.
func nearlyFull(a paydb.Asked, h paydb.Health) []report.Finding {
	s := h.Server
	if s == nil || s.MaxConnections == 0 || s.Connected*100 < s.MaxConnections*fullShare {
		return nil
	}
	f := report.NewFinding(catalog.DBTooManyConnections, "%s has %d of %d connections in use", a.Shard, s.Connected, s.MaxConnections).
		With(a.Source.Name, "Threads_connected of max_connections", fmt.Sprintf("%d of %d, %d refused since the start", s.Connected, s.MaxConnections, s.RefusedFull), a.Clock.Database)
	for _, x := range first(4, h.Sessions) {
		f = f.With(a.Source.Name, "sessions of "+x.User.Quoted(), fmt.Sprintf("%d in %s", x.Count, x.Command.Quoted()), a.Clock.Database)
	}
	return []report.Finding{f.Hurts("new connections of the payment system are refused when the rest are gone").Then(
		"See which account holds most of them, and whether its pool is set larger than it should be or leaks",
		"Compare the sum of all pools' sizes with max_connections before raising either").ConfirmWith("check_stack_health")}
}

// replicaLag is DB_REPLICA_LAG.
func replicaLag(a paydb.Asked, h paydb.Health) (found []report.Finding) {
	for _, r := range h.Replication {
		if Promoted(a, h, r) {
			continue
		}
		stands := r.Applying != "Yes" || r.Fetching != "Yes"
		meant := time.Duration(r.Delay) * time.Second
		var f report.Finding
		switch {
		case r.Behind != nil && time.Duration(*r.Behind)*time.Second > staleReplica+meant:
			f = report.NewFinding(catalog.DBReplicaLag, "%s is a replica and %s behind: what it answers is that old", a.Shard, time.Duration(*r.Behind)*time.Second)
		case stands:
			f = report.NewFinding(catalog.DBReplicaLag, "%s is a replica that no longer follows: what it answers is as old as that", a.Shard)
		case r.Behind == nil:
			f = report.NewFinding(catalog.DBReplicaLag, "%s is a replica that does not say how far it is behind", a.Shard).Unsure()
		default:
			continue
		}
		behind := "not known"
		if r.Behind != nil {
			behind = (time.Duration(*r.Behind) * time.Second).String()
		}
		f = f.With(a.Source.Name, "Seconds_Behind_Master, from "+r.From.Quoted(), behind, a.Clock.Database).
			With(a.Source.Name, "Slave_IO_Running, Slave_SQL_Running", r.Fetching.Quoted()+", "+r.Applying.Quoted(), a.Clock.Database)
		for what, text := range map[string]string{"Last_SQL_Error": r.Failed.Quoted(), "Last_IO_Error": r.Refused.Quoted()} {
			if text != `""` {
				f = f.With(a.Source.Name, what, text, a.Clock.Database)
			}
		}
		found = append(found, f.Hurts("every answer about %s lacks the newest payments", a.Shard).Then(
			"Point PAYMENT_DB_HOST of this server at the primary, or read its answers as old",
			"Have a database administrator look at the replication of "+a.Shard))
	}
	return found
}

// Promoted reports whether a server that was a replica is written to by itself now:
// somebody stopped both of its threads, it may be written to, and its newest payment
// is of just now. A failover leaves such a row behind, with the last error of reaching
// the primary that died.
func Promoted(a paydb.Asked, h paydb.Health, r paydb.Replica) bool {
	stopped := r.Fetching == "No" && r.Applying == "No" && r.Failed == ""
	return stopped && h.Server != nil && !h.Server.ReadOnly && !h.Newest.IsZero() && a.Clock.Database.Sub(h.Newest).Abs() <= freshPayment
}

// twoDatabases reports whether the shard rule can be held against the shards.
func (d Database) twoDatabases() bool {
	return len(d.answered()) == len(d.Asked) && len(d.Asked) == 2 && d.Asked[1].SameAs == ""
}

// misrouted is SHARD_MISROUTED_MERCHANT.
func (d Database) misrouted(i int) []report.Finding {
	m := d.Health[i].Misrouted
	if m == nil || m.All == 0 || !d.twoDatabases() {
		return nil
	}
	a, home := d.Asked[i], d.Asked[1-i]
	var payments int64
	for _, x := range m.Some {
		payments += x.Payments
	}
	more := ""
	if m.All > len(m.Some) {
		more = fmt.Sprintf(", of the first %d alone", len(m.Some))
	}
	f := report.NewFinding(catalog.ShardMisroutedMerchant, "%s has %s of %s that belong on %s%s", a.Shard, count(int(payments), "payment"), count(m.All, "merchant"), home.Shard, more)
	for _, x := range first(5, m.Some) {
		f = f.With(a.Source.Name, "merchant "+x.Merchant.Quoted(), fmt.Sprintf("%s here, requested %s .. %s", count(int(x.Payments), "payment"),
			x.First.In(a.Clock.Database.Location()).Format(time.RFC3339), x.Last.In(a.Clock.Database.Location()).Format(time.RFC3339)), a.Clock.Database)
	}
	return []report.Finding{f.Hurts("captures and refunds of these payments: the payment system looks for them on %s and answers 404", home.Shard).Then(
		"Find what changed when the first of them was written: PAYMENT_DB_HOST_SHARD2 of the ingest service, a data migration",
		"Move nothing by hand; have engineering decide, payment ids of the two shards overlap")}
}

// mayNotAsk is SRC_DB_PERMISSION for questions that the account may not ask.
func (d Database) mayNotAsk() (found []report.Finding) {
	type lack struct{ grant, questions string }
	lacks := map[lack][]paydb.Asked{}
	var order []lack
	for i, a := range d.Asked {
		byGrant := map[string][]string{}
		for _, u := range d.Health[i].Unasked {
			switch {
			case u.Grant != "":
				byGrant[u.Grant] = append(byGrant[u.Grant], u.Question)
			case u.Failure.Class == fault.Permission:
				found = append(found, report.NewFinding(catalog.SrcDBPermission, "%s forbids this server's account to ask for %s", a.Shard, u.Question).
					With(a.Source.Name, u.Question, u.Failure.Said.Quoted(), a.Clock.Database).Then(u.Failure.Next))
			}
		}
		for grant, questions := range byGrant {
			l := lack{grant, strings.Join(questions, ", ")}
			if len(lacks[l]) == 0 {
				order = append(order, l)
			}
			lacks[l] = append(lacks[l], a)
		}
	}
	slices.SortFunc(order, func(a, b lack) int {
		return cmp.Or(cmp.Compare(a.grant, b.grant), cmp.Compare(a.questions, b.questions))
	})
	for _, l := range order {
		on := lacks[l]
		found = append(found, report.NewFinding(catalog.SrcDBPermission, "the account may not ask %s for %s: nothing here says that these are well", names(on), l.questions).
			With(on[0].Source.Name, "SHOW GRANTS", "no "+l.grant, on[0].Clock.Database).
			Then("Have it granted: "+grantStatement(l.grant)+", to this server's account"))
	}
	return found
}

func grantStatement(what string) string {
	if strings.Contains(what, "schema") {
		return "SELECT on all tables of the payment schema"
	}
	return "GRANT " + what + " ON *.*"
}

// lost tells of shards that answered and then let nobody in any more, where it would be
// said that nothing of them is known.
func (d Database) lost(found []report.Finding) []report.Finding {
	for i, a := range d.Asked {
		if a.Source.OK() || d.Health[i].Server == nil {
			continue
		}
		found = slices.DeleteFunc(found, func(f report.Finding) bool { return f.Code == catalog.SrcPartialResult })
		found = append(found, report.NewFinding(catalog.SrcPartialResult, "%s was lost after its first answers; what it had told until then is in this answer", a.Shard))
	}
	return found
}

// open are questions to a shard that one failure of a class left open.
type open struct {
	questions []string
	failure   *fault.Failure
}

func (d Database) open(i int, class fault.Class) (all []open) {
	for _, u := range d.Health[i].Unasked {
		if u.Failure == nil || u.Failure.Class != class {
			continue
		}
		if n := len(all); n > 0 && all[n-1].failure == u.Failure {
			all[n-1].questions = append(all[n-1].questions, u.Question)
			continue
		}
		all = append(all, open{[]string{u.Question}, u.Failure})
	}
	return all
}

// tooSlow is SRC_DB_TIMEOUT for a question beside others that were answered.
func (d Database) tooSlow() (found []report.Finding) {
	for i, a := range d.Asked {
		for _, o := range d.open(i, fault.Timeout) {
			found = append(found, report.NewFinding(catalog.SrcDBTimeout, "%s did not tell %s in the time allowed", a.Shard, strings.Join(o.questions, ", ")).
				With(a.Source.Name, o.questions[0], o.failure.Said.Quoted(), a.Clock.Database).Then(o.failure.Next))
		}
	}
	return found
}

// unknown is what was not found out for other reasons.
func (d Database) unknown() (all []string) {
	for i, a := range d.Asked {
		for _, u := range d.Health[i].Unasked {
			if u.Failure != nil && u.Failure.Class != fault.Timeout && u.Failure.Class != fault.Permission {
				all = append(all, fmt.Sprintf("%s did not tell %s (%s)", a.Shard, u.Question, u.Failure.Class))
			}
		}
		if d.twoDatabases() {
			all = append(all, unplaced(a, d.Health[i].Misrouted)...)
		}
	}
	return all
}

// unplaced says that not all of a shard's merchants were held against the shard rule.
func unplaced(a paydb.Asked, m *paydb.Misrouted) []string {
	if m == nil || m.Whole {
		return nil
	}
	return []string{fmt.Sprintf("of %s only %d merchants were held against the shard rule", a.Shard, m.Looked)}
}

// first is the head of a list.
func first[T any](n int, list []T) []T { return list[:min(n, len(list))] }

// count is "1 row", "2 rows".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
