package redisdb_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/shared/fault"
)

const spacious = 30 * time.Second // budget of a scan that must not end by it

// scanUntil scans all keys, and does something when so many have come by.
func scanUntil(t *testing.T, db *redisdb.DB, at int, do func()) (redisdb.Scan, map[string]bool) {
	t.Helper()
	found := map[string]bool{}
	n := 0
	scan := db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", TTLs: true, Budget: spacious}, func(f redisdb.Found) {
		found[f.Key] = true
		if n++; n == at {
			do()
		}
	})
	return scan, found
}

// A restart in the middle of a scan: keys stand in another order then, and a cursor
// that is taken on would miss some and say that it saw all.
func TestRestartInMidScan(t *testing.T) {
	const keys = 20_000
	s := redistest.Start(t, payro)
	fill(t, s, "k", keys)
	s.Must("SAVE")
	db := open(t, "redis://payro:ropass@"+s.Addr)
	scan, found := scanUntil(t, db, 3000, func() {
		s.Stop()
		s.Run(payro)
	})
	if scan.Done() || len(found) == keys {
		t.Fatalf("it reads as whole, with %d keys", len(found))
	}
	// Which of the two connections notices, and whether before or after the new
	// process listens, is chance.
	if scan.Parts[0].Source.Err == nil {
		t.Errorf("%+v", scan.Parts)
	}
	again, rest := scanUntil(t, db, 0, nil)
	if !again.Done() || len(rest) != keys {
		t.Errorf("the next scan saw %d keys: %+v", len(rest), again.Parts)
	}
	// Going on from what a former process said begins anew, and says so.
	old := db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", MaxKeys: 1000, Budget: spacious}, func(redisdb.Found) {})
	s.Stop()
	s.Run(payro)
	all := map[string]bool{}
	onward := db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", Budget: spacious, From: old.Positions()}, func(f redisdb.Found) { all[f.Key] = true })
	if !onward.Parts[0].Anew || !onward.Done() || len(all) != keys {
		t.Errorf("%d keys, %+v", len(all), onward.Parts)
	}
}

// A connection that breaks is not a server that breaks.
func TestConnectionLostInMidScan(t *testing.T) {
	const keys = 20_000
	s := redistest.Start(t, payro, "user noinfo on >x ~* -@all +@read")
	fill(t, s, "k", keys)
	scan, found := scanUntil(t, open(t, "redis://payro:ropass@"+s.Addr), 3000, func() { s.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") })
	if !scan.Done() || scan.Share() != 1 || len(found) != keys {
		t.Errorf("%d keys, %+v", len(found), scan.Parts)
	}
	// Who may not see which process answers cannot know that it is the same.
	scan, _ = scanUntil(t, open(t, "redis://noinfo:x@"+s.Addr), 3000, func() { s.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") })
	if err := scan.Parts[0].Source.Err; scan.Done() || err == nil || err.Class != redisdb.Restarted {
		t.Errorf("%+v", scan.Parts)
	}
}

func TestKeyBudget(t *testing.T) {
	s := redistest.Start(t, payro)
	fill(t, s, "k", 100_000)
	db := open(t, "redis://payro:ropass@"+s.Addr)
	var told []float64
	scan := db.Scan(t.Context(), redisdb.ScanSpec{MaxKeys: 20_000, Budget: spacious, Tell: func(share float64, keys int64) {
		if told = append(told, share); keys != 100_000 {
			t.Errorf("of %d keys", keys)
		}
	}}, func(redisdb.Found) {})
	if share := scan.Share(); scan.Done() || share < 0.2 || share > 0.22 {
		t.Errorf("share %v", share)
	}
	if len(told) < 10 || told[len(told)-1] != scan.Share() {
		t.Errorf("told %v", told)
	}
}

// Sentinel replaces the master in the middle of a scan: what was seen is not passed
// off as all, and the next question goes to the new master.
func TestSentinelFailover(t *testing.T) {
	const keys = 20_000
	master := redistest.Start(t, payro)
	fill(t, master, "k", keys)
	master.Must("SET", "a", "5", "EX", "3600")
	replica := redistest.Replica(t, master, payro)
	watch := redistest.Sentinel(t, master, 1)
	db := open(t, "redis+sentinel://payro:ropass@"+watch.Addr+"/"+redistest.Name)
	if r := ask(t, db, "a"); !r.Servers[0].Source.OK() || r.Counters[0].Last().Value != "5" || r.Servers[0].Info.Role != "master" {
		t.Fatalf("%+v", r)
	}
	scan, found := scanUntil(t, db, 3000, master.Stop)
	if scan.Done() || len(found) == keys || scan.Parts[0].Source.Err == nil {
		t.Errorf("%d keys, %+v", len(found), scan.Parts)
	}
	var r redisdb.Reading
	replica.Await("the new master to be asked", func() bool {
		r = ask(t, db, "a")
		return r.Servers[0].Source.OK() && r.Servers[0].Info.Role == "master"
	})
	if r.Counters[0].Last().Value != "5" {
		t.Errorf("%+v", r)
	}
	onward := db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", Budget: spacious, From: scan.Positions()}, func(f redisdb.Found) { found[f.Key] = true })
	if !onward.Done() || len(found) != keys {
		t.Errorf("%d keys, %+v", len(found), onward.Parts)
	}
	if r := ask(t, open(t, "redis+sentinel://payro:ropass@"+watch.Addr+"/other"), "a"); r.Servers[0].Source.Err == nil || r.Servers[0].Source.Err.Class != redisdb.UnknownHost {
		t.Errorf("a master that nobody knows: %+v", r.Servers[0].Source)
	}
}

// A scan goes to a replica when it is told to, and to the master where there is none.
func TestScanPrefersAReplica(t *testing.T) {
	master := redistest.Start(t, payro)
	fill(t, master, "k", 5000)
	target, err := redisdb.Parse("redis://payro:ropass@"+master.Addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := redisdb.Open(target.PreferReplicas())
	t.Cleanup(func() { _ = db.Close() })
	count := func() (redisdb.Scan, int) {
		n := 0
		return db.Scan(t.Context(), redisdb.ScanSpec{Match: "k*", TTLs: true, Budget: spacious}, func(redisdb.Found) { n++ }), n
	}
	if scan, n := count(); n != 5000 || !scan.Done() || scan.Parts[0].Replica != "" || scan.Parts[0].NoReplica == "" {
		t.Errorf("without one: %d keys, %+v", n, scan.Parts)
	}
	replica := redistest.Replica(t, master, payro)
	replica.Must("CONFIG", "RESETSTAT")
	master.Must("CONFIG", "RESETSTAT")
	if scan, n := count(); n != 5000 || !scan.Done() || scan.Parts[0].Replica != replica.Addr || scan.Parts[0].NoReplica != "" {
		t.Errorf("%d keys, %+v", n, scan.Parts)
	}
	if master.Stat("cmdstat_scan") != "" || replica.Stat("cmdstat_scan") == "" {
		t.Error("the master was scanned")
	}
	// Single keys are always asked of the master.
	if r := ask(t, db, "k1"); r.Servers[0].Source.Name != "redis "+master.Addr {
		t.Errorf("%+v", r.Servers[0].Source)
	}
	replica.Hang()
	scan, n := count()
	replica.Resume()
	if n != 5000 || !scan.Done() || scan.Parts[0].Replica != "" || scan.Parts[0].NoReplica == "" {
		t.Errorf("with one that hangs: %d keys, %+v", n, scan.Parts)
	}
}

func TestMasterDown(t *testing.T) {
	master := redistest.Start(t, payro)
	replica := redistest.Replica(t, master, payro, "replica-serve-stale-data no")
	master.Stop()
	db := open(t, "redis://payro:ropass@"+replica.Addr)
	replica.Await("the replica to notice", func() bool { return replica.Stat("master_link_status") == "down" })
	r := ask(t, db, "a")
	if err := r.Counters[0].Err; err == nil || err.Class != redisdb.MasterDown {
		t.Errorf("%+v", r.Counters[0])
	}
	scan := db.Scan(t.Context(), redisdb.ScanSpec{Budget: spacious}, func(redisdb.Found) {})
	if err := scan.Parts[0].Source.Err; scan.Done() || err == nil || err.Class != redisdb.MasterDown {
		t.Errorf("%+v", scan.Parts)
	}
}

// What one server cannot answer now is said by a scan too, and by its class.
func TestScanOfAServerThatCannotAnswer(t *testing.T) {
	t.Run("a script", func(t *testing.T) {
		s := redistest.Start(t, payro, "lua-time-limit 10")
		go s.Admin.Eval(context.WithoutCancel(t.Context()), "while true do end", nil) // ends with the server
		s.Await("the script to be noticed", func() bool {
			return strings.HasPrefix(s.Do("GET", "x"), "BUSY ")
		})
		scan := open(t, "redis://payro:ropass@"+s.Addr).Scan(t.Context(), redisdb.ScanSpec{Budget: spacious}, func(redisdb.Found) {})
		if err := scan.Parts[0].Source.Err; scan.Done() || err == nil || err.Class != redisdb.ScriptRunning {
			t.Errorf("%+v", scan.Parts)
		}
	})
	t.Run("loading", func(t *testing.T) {
		s := redistest.Start(t, payro)
		fill(t, s, "k", 2000)
		s.Must("SAVE")
		s.Stop()
		s.Run(payro, "key-load-delay 2000", "loading-process-events-interval-bytes 1024")
		scan := open(t, "redis://payro:ropass@"+s.Addr).Scan(t.Context(), redisdb.ScanSpec{Budget: spacious}, func(redisdb.Found) {})
		if err := scan.Parts[0].Source.Err; scan.Done() || err == nil || err.Class != fault.Loading {
			t.Errorf("%+v", scan.Parts)
		}
	})
}
