package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// serverRules are the rules for the state of one server.
var serverRules = []struct {
	code catalog.Code
	rule func(redisdb.Server) (report.Finding, bool)
}{
	{catalog.RedisLoading, loading},
	{catalog.RedisReadonly, readonly},
	{catalog.RedisWritesRejectedOOM, outOfMemory},
	{catalog.RedisWritesRejectedMisconf, cannotPersist},
	{catalog.RedisSlow, slow},
}

// Servers judges what servers said of themselves. failingOpen tells, for each
// server, that it certainly refuses writes: then the limiter counts nothing and
// lets everything pass, and no counter says whether a merchant is limited.
func Servers(servers []redisdb.Server) (findings []report.Finding, ran []catalog.Code, failingOpen []bool) {
	failingOpen = make([]bool, len(servers))
	sure := true
	for i, s := range servers {
		for _, r := range serverRules {
			f, found := r.rule(s)
			if !found {
				continue
			}
			findings = append(findings, f)
			refusing := r.code != catalog.RedisSlow || s.Source.Err != nil && s.Source.Err.Class == redisdb.ScriptRunning
			switch {
			case !refusing:
			case f.Verdict == catalog.Unknown:
				sure = false
			default:
				failingOpen[i] = true
			}
		}
		f, found := tooFewReplicas(s)
		switch {
		case found && f.Verdict != catalog.Unknown:
			failingOpen[i] = true
			findings = append(findings, f)
		case failingOpen[i]:
			findings = append(findings, failOpen(s, "it refuses writes"))
		case found:
			findings = append(findings, f)
		}
		f, found, known := held(s)
		if found {
			findings = append(findings, f)
		}
		sure = sure && known && !found
	}
	told := func(s redisdb.Server) bool { return s.Info != nil }
	if !all(servers, told) {
		return findings, nil, failingOpen
	}
	for _, r := range serverRules {
		if all(servers, func(s redisdb.Server) bool { return sees(r.code, s) }) {
			ran = append(ran, r.code)
		}
	}
	if sure { // a server that may be refusing writes may have the limiter fail open
		ran = append(ran, catalog.RateLimiterFailOpen)
	}
	return findings, ran, failingOpen
}

func all(servers []redisdb.Server, is func(redisdb.Server) bool) bool {
	return !slices.ContainsFunc(servers, func(s redisdb.Server) bool { return !is(s) })
}

// sees reports whether a server that tells of itself shows what a rule is for. A replica
// says nothing of whether its master is full, saves or is slow.
func sees(code catalog.Code, s redisdb.Server) bool {
	switch code {
	case catalog.RedisWritesRejectedOOM, catalog.RedisWritesRejectedMisconf, catalog.RedisEvicting:
		return s.Info.Role != "slave"
	case catalog.RedisSlow:
		return s.Info.Role != "slave" && measured(s)
	}
	return true
}

// measured reports whether enough was seen of how fast a server answers to say that it
// is not slow: most questions look closely only where a first answer was slow.
func measured(s redisdb.Server) bool {
	return len(s.Pace.Trips) >= enoughTrips && s.SlowLogErr == nil && SlowLogGap(s) == ""
}

func failOpen(s redisdb.Server, why string) report.Finding {
	return report.NewFinding(catalog.RateLimiterFailOpen,
		"ingest cannot count on %s because %s: its limiter lets every request pass, whatever the counters say, and the first level of idempotency (idem:*) is off too", s.Source.Name, why).
		Hurts("every merchant with keys there: no limits; duplicates are still stopped by the database's unique key")
}

func loading(s redisdb.Server) (report.Finding, bool) {
	refused := s.Source.Err != nil && s.Source.Err.Class == fault.Loading
	if !refused && (s.Info == nil || !s.Info.Loading) {
		return report.Finding{}, false
	}
	f := report.NewFinding(catalog.RedisLoading, "%s is loading its data and answers no command on keys yet", s.Source.Name).
		Then("Wait; then find out why it was restarted, and whether the data is whole")
	if i := s.Info; i != nil && i.LoadingETA != nil && i.LoadedPercent != nil {
		f = f.With(s.Source.Name, "INFO persistence", fmt.Sprintf("loading:1, %d%% loaded, about %d s left", *i.LoadedPercent, *i.LoadingETA), i.Time)
	} else if refused {
		f = f.With(s.Source.Name, s.Source.Asked, s.Source.Err.Said.Quoted(), s.Clock)
	}
	return f, true
}

// readonly is certain only where writes are refused now: an operator may have pointed
// this server at a replica on purpose, to leave the master alone, and a write that
// somebody tried there long ago says nothing.
func readonly(s redisdb.Server) (report.Finding, bool) {
	masterDown := s.Source.Err != nil && s.Source.Err.Class == redisdb.MasterDown
	if !masterDown && (s.Info == nil || s.Info.Role != "slave" || s.Info.ReplicaReadOnly != nil && !*s.Info.ReplicaReadOnly) {
		return report.Finding{}, false
	}
	f := report.NewFinding(catalog.RedisReadonly, "%s is a replica: it refuses writes", s.Source.Name)
	if masterDown {
		return f.With(s.Source.Name, s.Source.Asked, s.Source.Err.Said.Quoted(), s.Clock).
			Then("Check the failover: which server is the master now, and does ingest's Redis address lead there?"), true
	}
	refused, told := s.Info.Errors["READONLY"], s.Info.Errors != nil
	r := refusedBy(s, "READONLY")
	value := "role:slave, master_link_status:" + s.Info.MasterLink.String()
	if told {
		value += ", " + r.said("READONLY", refused)
	}
	f = f.With(s.Source.Name, "INFO replication, errorstats", value, s.Info.Time).
		Then("Check the failover: which server is the master now, and do ingest's Redis address and REDIS_URL lead there?")
	switch {
	case r.now:
		f.Claim += fmt.Sprintf(", %d in the last %s", r.n, seconds(r.over))
		return f, true
	case r.n > 0:
		f.Claim += ". " + r.notNow()
	case refused > 0:
		f.Claim += fmt.Sprintf(". It has refused %d since it started, none of late, so ingest probably writes elsewhere; what is read here is a copy that may lag", refused)
	default:
		f.Claim += ". No write was seen to be refused, so ingest probably writes elsewhere; what is read here is a copy that may lag"
	}
	return f.Unsure(), true
}

// brinkPercent of its memory is where a server may refuse one write and take the next.
const brinkPercent = 98

func outOfMemory(s redisdb.Server) (report.Finding, bool) {
	i := s.Info
	if i == nil || i.Role == "slave" {
		return report.Finding{}, false
	}
	known := i.MaxMemory != nil && i.UsedMemory != nil
	policy := i.Policy.String()
	nothingToEvict := policy == "noeviction" || i.Expiring == 0 && slices.Contains([]string{"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}, policy)
	full := known && *i.MaxMemory > 0 && *i.UsedMemory > *i.MaxMemory && nothingToEvict
	// Used memory moves up and down by the buffers of clients, so a server that is
	// full may look as if it were just below.
	brink := known && *i.MaxMemory > 0 && *i.UsedMemory > *i.MaxMemory/100*brinkPercent && nothingToEvict && i.Errors["OOM"] > 0
	r := refusedBy(s, "OOM")
	if !full && !brink && r.n == 0 {
		return report.Finding{}, false
	}
	value := r.said("OOM", i.Errors["OOM"])
	if known {
		value = fmt.Sprintf("used_memory %d of maxmemory %d bytes, maxmemory_policy:%s, %s", *i.UsedMemory, *i.MaxMemory, policy, value)
	}
	claim := "is out of memory and refuses writes"
	switch {
	case full:
	case r.now:
		claim = "refused writes for want of memory until just now"
	case r.n > 0:
		claim = "was out of memory: " + r.notNow()
	default:
		claim = "is at the brink of its memory, evicts nothing, and has refused writes since it started; whether it does now is not known"
	}
	f := report.NewFinding(catalog.RedisWritesRejectedOOM, "%s %s", s.Source.Name, claim).
		With(s.Source.Name, "INFO memory, errorstats", value, i.Time).
		Then("Find what fills it (keys without a TTL, a foreign application)", "Free memory or raise maxmemory; have the owner of this Redis decide")
	if !full && !r.now {
		f = f.Unsure()
	}
	return f, true
}

func cannotPersist(s redisdb.Server) (report.Finding, bool) {
	i := s.Info
	if i == nil || i.Role == "slave" {
		return report.Finding{}, false
	}
	failed := i.SnapshotOK != nil && !*i.SnapshotOK
	// Redis keeps the failure of a file that it writes no longer, and refuses nothing for it.
	appendFailed := i.AOFWriteOK != nil && !*i.AOFWriteOK && (i.Load.Append == nil || *i.Load.Append)
	stops := failed && is(s.StopsWrites) && is(s.Snapshots)
	r := refusedBy(s, "MISCONF")
	settingsUnknown := failed && (s.StopsWrites == nil || s.Snapshots == nil)
	if !stops && !appendFailed && r.n == 0 && !settingsUnknown {
		return report.Finding{}, false
	}
	value := r.said("MISCONF", i.Errors["MISCONF"])
	if i.SnapshotOK != nil {
		value = "rdb_last_bgsave_status:" + okOrErr(*i.SnapshotOK) + ", " + value
	}
	if i.AOFWriteOK != nil {
		value = "aof_last_write_status:" + okOrErr(*i.AOFWriteOK) + ", " + value
	}
	f := report.NewFinding(catalog.RedisWritesRejectedMisconf, "%s cannot save its data and refuses writes for that", s.Source.Name).
		With(s.Source.Name, "INFO persistence, errorstats; CONFIG GET stop-writes-on-bgsave-error, save", value, i.Time).
		Then("See the log of Redis for why saving failed (disk full, rights of the folder, no memory to fork)", "Repair that; Redis takes writes again after the next save that succeeds")
	switch {
	case stops || appendFailed:
	case r.now:
		f.Claim = s.Source.Name + " refused writes until just now because it could not save its data"
	case r.n > 0:
		f.Claim = s.Source.Name + " could not save its data: " + r.notNow()
		f = f.Unsure()
	default:
		f.Claim = s.Source.Name + " could not save its data; whether it refuses writes for that is not known (CONFIG GET is not answered)"
		f = f.Unsure()
	}
	return f, true
}

// tooFewReplicas has no code of its own in the catalog: what it leads to has. How many
// replicas keep up is told only while some are demanded, so none at all is too few.
func tooFewReplicas(s redisdb.Server) (report.Finding, bool) {
	r := refusedBy(s, "NOREPLICAS")
	none := s.Info != nil && s.Info.Role == "master" && s.Info.GoodReplicas != nil && *s.Info.GoodReplicas == 0
	if r.n == 0 && !none {
		return report.Finding{}, false
	}
	value := r.said("NOREPLICAS", s.Info.Errors["NOREPLICAS"])
	if s.Info.GoodReplicas != nil {
		value = fmt.Sprintf("min_slaves_good_slaves:%d, %s", *s.Info.GoodReplicas, value)
	}
	f := failOpen(s, "too few replicas keep up and it refuses writes (min-replicas-to-write)").
		With(s.Source.Name, "INFO replication, errorstats", value, s.Info.Time).
		Then("Repair the replicas (INFO replication on the master)")
	if !r.now && !none {
		f.Claim = s.Source.Name + " had too few replicas that keep up (min-replicas-to-write): " + r.notNow()
		f = f.Unsure()
	}
	return f, true
}

// refused is how many writes were refused with one word since an earlier look.
type refused struct {
	n      int64
	over   time.Duration
	lately *int64 // of them in the last second, where that was looked at apart
	now    bool   // they still are
}

func refusedBy(s redisdb.Server, word string) refused {
	n, over := grew(s, word)
	r := refused{n: n, over: over, now: n > 0 && over <= redisdb.LatelyWithin}
	if s.Lately != nil && s.Info != nil {
		lately := max(0, s.Info.Errors[word]-s.Lately.Errors[word])
		r.lately, r.now = &lately, lately > 0
	}
	return r
}

// said is the count of Redis with what came to it since.
func (r refused) said(word string, count int64) string {
	value := fmt.Sprintf("errorstat_%s %d", word, count)
	if r.n == 0 {
		return value
	}
	value += fmt.Sprintf(" (+%d in %s", r.n, seconds(r.over))
	if r.lately != nil {
		value += fmt.Sprintf(", +%d in the last second", *r.lately)
	}
	return value + ")"
}

// notNow says what is known where nothing was refused at last.
func (r refused) notNow() string {
	return fmt.Sprintf("it refused %d writes within the last %s; whether it still does is not known", r.n, seconds(r.over))
}

// grew says by how much a count of error replies has grown, and over what time; 0
// when it has not, or there is nothing to compare with.
func grew(s redisdb.Server, word string) (int64, time.Duration) {
	if s.Before == nil || s.Info == nil {
		return 0, 0
	}
	return max(0, s.Info.Errors[word]-s.Before.Errors[word]), s.Info.Time.Sub(s.Before.Time)
}

const (
	// enoughTrips are enough for a 95th of a hundred that is not just the slowest
	// of all; with fewer the middle one must be slow too.
	enoughTrips = 20
	// restless is what the middle one must be above in any case: where half of the
	// answers come at once, it may as well be this machine that stumbles.
	restless = 10 * time.Millisecond
	// starved is how late this machine may wake up without a word of it.
	starved = 5 * time.Millisecond
)

// slow judges round trips without the part of the network, as far as a bare
// connection shows it, and without that of this machine, as far as it wakes up late:
// Redis does not answer for a slow line to this machine, nor for what else runs on it.
func slow(s redisdb.Server) (report.Finding, bool) {
	if s.Source.Err != nil && s.Source.Err.Class == redisdb.ScriptRunning {
		return report.NewFinding(catalog.RedisSlow, "%s runs a script and answers nothing else until it ends", s.Source.Name).
			With(s.Source.Name, s.Source.Asked, s.Source.Err.Said.Quoted(), s.Clock).
			Then("Find the script's owner (SLOWLOG GET after it ends); SCRIPT KILL ends one that has not written yet"), true
	}
	p := s.Pace
	network := time.Duration(0)
	if p.Network != nil {
		network = *p.Network
	}
	lateTail, late := p.LateRank(0.95), p.LateRank(0.5)
	tail, middle := p.Rank(0.95)-network-lateTail, p.Rank(0.5)-network-late
	least := restless
	if len(p.Trips) < enoughTrips {
		least = redisdb.SlowAbove
	}
	tooFew := len(p.Trips) < 2 && p.Unanswered == 0
	if tooFew || tail <= redisdb.SlowAbove || middle <= least {
		return report.Finding{}, false
	}
	var said []string
	if len(p.Trips) > 0 {
		fastest, slowest := p.Trips[0], p.Trips[len(p.Trips)-1]
		said = append(said, fmt.Sprintf("%d round trips of %s to %s, p50 %s, p95 %s", len(p.Trips), seconds(fastest), seconds(slowest), seconds(p.Rank(0.5)), seconds(p.Rank(0.95))))
	}
	if p.Unanswered > 0 {
		said = append(said, "one without an answer after "+seconds(p.Unanswered))
	}
	if p.Network != nil {
		said = append(said, "a bare TCP connection "+seconds(network))
	}
	elsewhere := "the network"
	if lateTail > starved {
		said = append(said, fmt.Sprintf("this machine itself wakes up %s late, p95 %s", seconds(late), seconds(lateTail)))
		elsewhere += " and this machine"
	}
	return report.NewFinding(catalog.RedisSlow, "%s answers slowly: p95 %s, more than %s of it not explained by %s",
		s.Source.Name, seconds(p.Rank(0.95)), seconds(redisdb.SlowAbove), elsewhere).
		With(s.Source.Name, "DBSIZE, one after another", strings.Join(said, "; "), s.Clock).
		Hurts("every authorize, capture and refund waits for it; ingest sets no timeout for Redis (Lettuce's is 60 s)").
		Then("Compare from the host of ingest: redis-cli --latency (a tunnel or proxy to here would look the same)", "SLOWLOG GET 10 and CLIENT LIST for the command that takes long"), true
}

func is(b *bool) bool { return b != nil && *b }

func okOrErr(ok bool) string {
	if ok {
		return "ok"
	}
	return "err"
}
