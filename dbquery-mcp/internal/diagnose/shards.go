// Package diagnose judges what the payment databases answered. Judges are pure:
// facts in, findings out. One rule, one func, one table test.
package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// Limits of the rules.
const (
	// maxSkew is how far two clocks may be apart.
	maxSkew = 2 * time.Second
	// zoneStep is how far in the future a row must lie to look written in another
	// time zone: zones differ by half hours, and the newest row is minutes old.
	zoneStep = 25 * time.Minute
)

// Shards is what asking the shards came to, in their order.
type Shards struct {
	Asked  []paydb.Asked
	Newest []time.Time // when each shard's newest payment was requested; zero or missing: not looked at
	Of     string      // what the newest are of; empty for payments
	// Read are the times of rows that were read one by one, in the order of the shards:
	// of several who write, one alone may be wrong, and another have written last.
	Read   [][]time.Time
	ReadOf string // what these are
}

// Judge runs the rules. ran are the codes of those that had all they need. That a
// source answered is said of each source, so SRC_DB_* are never listed as ruled
// out, nor are rules of which only a part was looked at.
func Judge(s Shards) (found []report.Finding, ran []catalog.Code) {
	for _, judge := range []func(Shards) []report.Finding{
		unreachable, connections, drift, auth, permission, timeout, skew, writers, zone, same, partial,
	} {
		found = append(found, judge(s)...)
	}
	if len(s.answered()) < len(s.Asked) {
		return found, nil
	}
	ran = []catalog.Code{catalog.DBShardUnreachable, catalog.SrcClockSkew}
	if len(s.Asked) > 1 {
		ran = append(ran, catalog.ShardsSameDatabase)
	}
	if len(s.Newest) == len(s.Asked) && !slices.ContainsFunc(s.Newest, time.Time.IsZero) {
		ran = append(ran, catalog.SrcTimezoneMismatch)
	}
	return found, ran
}

func (s Shards) answered() []paydb.Asked {
	return slices.DeleteFunc(slices.Clone(s.Asked), func(a paydb.Asked) bool { return !a.Source.OK() })
}

// Dead reports whether no session with the shard's server came about.
func Dead(a paydb.Asked) bool {
	if a.Source.OK() || a.Spoke() {
		return false
	}
	return slices.Contains([]fault.Class{fault.Unreachable, fault.Timeout, fault.Disconnected}, a.Source.Err.Class)
}

// unreachable is DB_SHARD_UNREACHABLE. While another shard's server speaks, ours
// is no trouble of this machine's network. When none does, it may be.
func unreachable(s Shards) (found []report.Finding) {
	var dead []paydb.Asked
	for _, a := range s.Asked {
		if Dead(a) {
			dead = append(dead, a)
		}
	}
	if len(dead) == 0 {
		return nil
	}
	if !slices.ContainsFunc(s.Asked, paydb.Asked.Spoke) {
		f := report.NewFinding(catalog.DBShardUnreachable, "no payment database can be reached from this machine (%s): whether they are down or only this machine is cut off cannot be told from here", names(dead))
		for _, a := range dead {
			f = f.With(a.Source.Name, a.Source.Asked, said(a), time.Time{})
		}
		return []report.Finding{f.Unsure().Then(
			"Check PAYMENT_DB_HOST and PAYMENT_DB_PORT: "+addresses(dead),
			"See from a host of the payment system whether MariaDB answers there")}
	}
	for _, a := range dead {
		f := report.NewFinding(catalog.DBShardUnreachable, "%s cannot be reached (%s), another shard can", a.Shard, a.Source.Err.Class).
			With(a.Source.Name, a.Source.Asked, said(a), time.Time{})
		for _, other := range s.answered() {
			f = f.With(other.Source.Name, "the same", "answered", other.Clock.Database)
		}
		found = append(found, f.Hurts("%s", s.lives(a)).Then(
			"See whether MariaDB runs there: its service, its error log, the network from the payment system's hosts",
			"Restore it; what the other shards answered stays valid",
			"If it runs and the payment system reaches it, this server's PAYMENT_DB_HOST settings are wrong"))
	}
	return found
}

// lives says whose payments are on a shard.
func (s Shards) lives(a paydb.Asked) string {
	place := slices.IndexFunc(s.Asked, func(o paydb.Asked) bool { return o.Shard == a.Shard })
	if len(s.Asked) != 2 {
		return "the merchants of " + a.Shard + ", 1 of " + fmt.Sprint(len(s.Asked)) + " shards"
	}
	return shard.Lives(place + 1)
}

// connections is DB_TOO_MANY_CONNECTIONS. An allowance of our account that is used
// up says little of the server.
func connections(s Shards) (found []report.Finding) {
	for _, a := range s.Asked {
		if a.Source.OK() || a.Source.Err.Class != fault.Busy || a.Number == 0 {
			continue
		}
		f := report.NewFinding(catalog.DBTooManyConnections, "%s has no connection left", a.Shard)
		if a.Number != paydb.TooManyConnections {
			f = report.NewFinding(catalog.DBTooManyConnections, "%s has no connection left for this server's account; others may still get one", a.Shard).Unsure()
		}
		found = append(found, f.With(a.Source.Name, a.Source.Asked, said(a), time.Time{}).Then(a.Source.Err.Next))
	}
	return found
}

// drift is DB_SCHEMA_DRIFT, of the tables that were looked at.
func drift(s Shards) (found []report.Finding) {
	var left []paydb.Asked
	for _, a := range s.Asked {
		switch {
		case a.Tables["payment"].Name == "" && !a.Source.OK() && a.Source.Err.Class == fault.Schema:
			found = append(found, report.NewFinding(catalog.DBSchemaDrift, "%s lacks what this question needs", a.Shard).
				With(a.Source.Name, a.Source.Asked, said(a), a.Clock.Database).Then(a.Source.Err.Next))
		case len(drifts(a)) > 0 && a.SameAs == "" && !a.Account.Partial:
			left = append(left, a)
		}
	}
	for len(left) > 0 { // shards that differ in the same way are one finding
		d := drifts(left[0])
		alike := func(a paydb.Asked) bool { return reflect.DeepEqual(drifts(a), d) }
		found = append(found, drifted(slices.DeleteFunc(slices.Clone(left), func(a paydb.Asked) bool { return !alike(a) }), d))
		left = slices.DeleteFunc(left, alike)
	}
	return found
}

// drifts are the tables that are not as they should be.
func drifts(a paydb.Asked) map[string]paydb.Drift {
	all := map[string]paydb.Drift{}
	for name, t := range a.Tables {
		if d := t.Drift(); !d.None() {
			all[name] = d
		}
	}
	return all
}

func drifted(shards []paydb.Asked, tables map[string]paydb.Drift) report.Finding {
	list := slices.Sorted(maps.Keys(tables))
	which := "the " + list[0] + " table of " + names(shards) + " is"
	if len(list) > 1 {
		which = "the tables " + strings.Join(list, ", ") + " of " + names(shards) + " are"
	}
	f := report.NewFinding(catalog.DBSchemaDrift, "%s not as the payment system expects", which)
	slow, loose := false, false
	for _, name := range list {
		d := tables[name]
		slow, loose = slow || len(d.Slow) > 0, loose || len(d.Loose) > 0
		f = f.With(shards[0].Source.Name, "table "+name, d.String(), shards[0].Clock.Database)
	}
	var hurts []string
	if slow {
		hurts = append(hurts, "questions that need the index read the whole table, in this server and in the payment system")
	}
	if loose {
		hurts = append(hurts, "nothing keeps rows from naming a payment that does not exist")
	}
	if len(hurts) > 0 {
		f = f.Hurts("%s", strings.Join(hurts, "; "))
	}
	return f.Then("Compare it with the payment system's schema.sql; have a database administrator add what is missing")
}

func auth(s Shards) []report.Finding {
	return s.sources(fault.Auth, catalog.SrcDBAuth, "%s does not let this server in")
}

func permission(s Shards) []report.Finding {
	return s.sources(fault.Permission, catalog.SrcDBPermission, "%s forbids this server's account what was asked")
}

// timeout is SRC_DB_TIMEOUT: the server was there, the statement did not end.
func timeout(s Shards) []report.Finding {
	asked := Shards{Asked: slices.DeleteFunc(slices.Clone(s.Asked), Dead)}
	return asked.sources(fault.Timeout, catalog.SrcDBTimeout, "%s did not finish in the time allowed")
}

// sources makes a finding of every shard that failed in a way.
func (s Shards) sources(class fault.Class, code catalog.Code, claim string) (found []report.Finding) {
	for _, a := range s.Asked {
		if !a.Source.OK() && a.Source.Err.Class == class {
			found = append(found, report.NewFinding(code, claim, a.Shard).
				With(a.Source.Name, a.Source.Asked, said(a), a.Clock.Database).Then(a.Source.Err.Next))
		}
	}
	return found
}

// skew is SRC_CLOCK_SKEW, for all shards at once: it is mostly this machine's.
func skew(s Shards) []report.Finding {
	var known []paydb.Asked
	var worst, least, most time.Duration
	for _, a := range s.Asked {
		if a.Clock.Database.IsZero() {
			continue
		}
		ahead, give := a.Clock.Skew()
		if len(known) == 0 {
			least, most = ahead, ahead
		}
		least, most = min(least, ahead), max(most, ahead)
		worst = max(worst, ahead.Abs()-give)
		known = append(known, a)
	}
	if worst <= maxSkew {
		return nil
	}
	apart := max(least.Abs(), most.Abs()).Round(time.Second / 10)
	f := report.NewFinding(catalog.SrcClockSkew, "this machine's clock and the database's differ by %s; times and ages here go by the database's", apart)
	if most-least > maxSkew {
		f = report.NewFinding(catalog.SrcClockSkew, "the clocks of the shards differ by %s; a time_range goes by the one in as_of", (most - least).Round(time.Second/10))
	}
	for _, a := range known {
		ahead, _ := a.Clock.Skew()
		f = f.With(a.Source.Name, "UTC_TIMESTAMP against this machine's clock", fmt.Sprintf("%+.1f s", ahead.Seconds()), a.Clock.Database)
	}
	return []report.Finding{f.Then("Compare with Redis's clock, as_of in cache_stats: it tells which of the two is wrong",
		"Set that one by NTP; until then trust no time near now").ConfirmWith("cache_stats")}
}

// aheadOf is what a row that lies so far ahead of a shard's clock is a sign of; of nothing
// where the clock was not read. That was done first: what was written while the shard
// answered is no skew.
func aheadOf(a paydb.Asked, by time.Duration) catalog.Code {
	switch {
	case a.Clock.Database.IsZero():
		return ""
	case by >= zoneStep:
		return catalog.SrcTimezoneMismatch
	case by > maxSkew+a.Source.Took:
		return catalog.SrcClockSkew
	}
	return ""
}

// writers is SRC_CLOCK_SKEW of the machines that write payments: a time range that
// ends now misses the newest of them.
func writers(s Shards) []report.Finding {
	var late []paydb.Asked
	var most time.Duration
	for i, a := range s.Asked {
		if ahead := s.future(i); aheadOf(a, ahead) == catalog.SrcClockSkew {
			late, most = append(late, a), max(most, ahead)
		}
	}
	if len(late) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.SrcClockSkew,
		"the newest %[1]s of %[2]s lies %[3]s in the future: the clocks of the payment system and of its database differ, so time ranges that end now miss the newest %[1]ss, and ages are too low", s.of(), names(late), most.Round(time.Second/10))
	for i, a := range s.Asked {
		if slices.ContainsFunc(late, func(l paydb.Asked) bool { return l.Shard == a.Shard }) {
			f = f.With(a.Source.Name, s.against(), fmt.Sprintf("%+.1f s", s.future(i).Seconds()), a.Clock.Database)
		}
	}
	return []report.Finding{f.Then("Ask without time_range, newest first, for what happened just now", "Compare the clocks of the ingest hosts and of the database")}
}

// zone is SRC_TIMEZONE_MISMATCH: rows that lie in the future were written in
// another zone, and a time range misses some and takes others.
func zone(s Shards) (found []report.Finding) {
	for i, a := range s.Asked {
		if ahead := s.future(i); aheadOf(a, ahead) == catalog.SrcTimezoneMismatch {
			found = append(found, report.NewFinding(catalog.SrcTimezoneMismatch,
				"the newest %s of %s lies %s in the future%s: it looks written in another time zone than UTC, so time ranges find the wrong ones and ages are too low", s.of(), a.Shard, ahead.Round(time.Minute), s.alike(i)).
				With(a.Source.Name, s.against(), fmt.Sprintf("%+.0f s", ahead.Seconds()), a.Clock.Database).
				Then("Ask without time_range until it is clear in which zone the payment system writes"))
		}
	}
	return found
}

// of is what the newest are of.
func (s Shards) of() string { return cmp.Or(s.Of, "payment") }

func (s Shards) against() string { return "time of the newest " + s.of() + " against UTC_TIMESTAMP" }

// future is how far a shard's newest payment lies in the future; 0 where that or the
// shard's clock was not looked at.
func (s Shards) future(i int) time.Duration {
	var newest time.Time
	if i < len(s.Newest) {
		newest = s.Newest[i]
	}
	for _, at := range s.read(i) {
		if at.After(newest) {
			newest = at
		}
	}
	if newest.IsZero() || s.Asked[i].SameAs != "" || s.Asked[i].Clock.Database.IsZero() {
		return 0
	}
	return newest.Sub(s.Asked[i].Clock.Database)
}

func (s Shards) read(i int) []time.Time {
	if i >= len(s.Read) {
		return nil
	}
	return s.Read[i]
}

// alike says how many of the times that were read look written in another zone; empty
// where none does.
func (s Shards) alike(i int) string {
	n := 0
	for _, at := range s.read(i) {
		if at.Sub(s.Asked[i].Clock.Database) >= zoneStep {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of %d %s)", n, len(s.read(i)), s.ReadOf)
}

// timed reports whether what was written can be held against the shards' clocks: what
// lies in the future by a little makes ages too low by as much.
func (s Shards) timed() bool { return len(zone(s))+len(writers(s)) == 0 }

// same is SHARDS_SAME_DATABASE.
func same(s Shards) (found []report.Finding) {
	for _, a := range s.Asked {
		if a.SameAs == "" {
			continue
		}
		found = append(found, report.NewFinding(catalog.ShardsSameDatabase, "%s and %s are one database; it is counted once, as %s", a.SameAs, a.Shard, a.SameAs).
			With(a.Source.Name, "identity of both", a.Identity.String(), a.Clock.Database))
	}
	return found
}

// partial is SRC_PARTIAL_RESULT.
func partial(s Shards) []report.Finding {
	ok := s.answered()
	if len(ok) == 0 || len(ok) == len(s.Asked) {
		return nil
	}
	missing := slices.DeleteFunc(slices.Clone(s.Asked), func(a paydb.Asked) bool { return a.Source.OK() })
	return []report.Finding{report.NewFinding(catalog.SrcPartialResult, "this is %s alone; nothing of %s is in it", names(ok), names(missing))}
}

func said(a paydb.Asked) string {
	return string(a.Source.Err.Class) + ": " + a.Source.Err.Said.Quoted()
}

func names(all []paydb.Asked) string {
	n := make([]string, len(all))
	for i, a := range all {
		n[i] = a.Shard
	}
	return strings.Join(n, ", ")
}

func addresses(all []paydb.Asked) string {
	n := make([]string, len(all))
	for i, a := range all {
		n[i] = a.Shard + " " + a.Addr
	}
	return strings.Join(n, ", ")
}
