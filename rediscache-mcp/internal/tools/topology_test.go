package tools_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// clustered are the accounts of a cluster: one that reads, one that may clear, and one
// that may follow keys on their way.
var clustered = []string{account + " +cluster|slots", clearer + " +cluster|slots",
	strings.Replace(account, "user payro", "user follower", 1) + " +cluster|slots +asking"}

// owner is the node that has a key's slot, and other one that has not.
func owner(t *testing.T, nodes []*redistest.Server, key string) (owner, other *redistest.Server) {
	t.Helper()
	for _, s := range nodes {
		if got := s.Do("GET", key); strings.HasPrefix(got, "MOVED") {
			other = s
		} else {
			owner = s
		}
	}
	return owner, other
}

func TestOnACluster(t *testing.T) {
	nodes := redistest.Cluster(t, 3, clustered...)
	url := nodes[0].Addr + "," + nodes[1].Addr + "," + nodes[2].Addr
	set := func(key string, args ...any) {
		t.Helper()
		at, _ := owner(t, nodes, key)
		at.Must(append([]any{"SET", key}, args...)...)
	}
	var sick []string
	for i := range 60 {
		m := fmt.Sprintf("SHOP-%d", i)
		set("rate:authorize:"+m, 10+i, "EX", "60")
		if i%10 == 0 {
			set("rate:refund:"+m, 2000+i)
			sick = append(sick, m)
		}
	}
	a, text := call[hittingData](t, deps(t, "redis://payro:ropass@"+url), find, `{"limit":50}`)
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING")
	says(t, text, "6 of 66 counters at 80% or more; 6 over the limit; 6 never reset (no TTL)", "100% of 66 keys", "3 masters")
	for _, m := range sick {
		if !strings.Contains(text, `"`+m+`"`) {
			t.Errorf("%s is not named", m)
		}
	}
	if len(a.Sources) != 3 {
		t.Errorf("%+v", a.Sources)
	}

	// One is cleared where it is; the slot of another is moved away between the two
	// calls, and back.
	d := allowed(t, "redis://clearer:x@"+url)
	shown, _ := d.call(t, "SHOP-0", "refund", "")
	done, text := d.call(t, "SHOP-0", "refund", shown.Data.Confirm)
	if !done.Data.Cleared {
		t.Error(text)
	}
	key := "rate:refund:SHOP-10"
	from, to := owner(t, nodes, key)
	slot := from.Do("CLUSTER", "KEYSLOT", key)
	shown, _ = d.call(t, "SHOP-10", "refund", "")
	to.Must("CLUSTER", "SETSLOT", slot, "IMPORTING", from.ID())
	from.Must("CLUSTER", "SETSLOT", slot, "MIGRATING", to.ID())
	host, port, _ := net.SplitHostPort(to.Addr)
	from.Must("MIGRATE", host, port, key, 0, 5000)

	// ASK: the key is on its way. That is not "no counter", and not healthy.
	r, text := ask(t, deps(t, "redis://payro:ropass@"+url), `{"merchant_id":"SHOP-10","action":"refund"}`)
	found(t, r, "unknown", "SRC_REDIS_CLUSTER_MODE")
	says(t, text, "NOT KNOWN - ", "ASK "+slot, "The cluster is moving keys between its nodes; ask again")
	a, text = call[hittingData](t, deps(t, "redis://payro:ropass@"+url), find, `{"limit":50}`)
	if a.Verdict == "ok" || slices.Contains(a.RuledOut, "RATE_LIMITED") || !slices.Contains(a.Codes(), "SRC_REDIS_CLUSTER_MODE") || strings.Contains(text, "List the nodes") {
		t.Errorf("%s", text)
	}
	done, text = d.call(t, "SHOP-10", "refund", shown.Data.Confirm)
	if done.Data.Cleared || done.Data.Outcome != "not_read" {
		t.Error(text)
	}
	// Who may, follows it.
	follower := deps(t, "redis://follower:ropass@"+url)
	r, text = ask(t, follower, `{"merchant_id":"SHOP-10"}`)
	found(t, r, "critical", "RATE_KEY_NO_TTL_BLOCKING")
	says(t, text, "redis "+to.Addr+", GETRANGE", "TTL -1 (none), the same ", " ms later")
	a, text = call[hittingData](t, follower, find, `{"limit":50}`)
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING")
	says(t, text, "5 of 65 counters", "SHOP-10")
	r, text = ask(t, follower, `{"merchant_id":"NOBODY"}`)
	if r.Verdict == "critical" {
		t.Error(text)
	}

	for _, n := range nodes {
		n.Must("CLUSTER", "SETSLOT", slot, "NODE", to.ID())
	}
	// MOVED: the map of who has what is out of date, and is fetched anew.
	r, text = ask(t, d.Deps, `{"merchant_id":"SHOP-10","action":"refund"}`)
	found(t, r, "critical", "RATE_KEY_NO_TTL_BLOCKING")
	says(t, text, "redis "+to.Addr)
	d.refused(t, args("SHOP-10", "refund", shown.Data.Confirm), "something else") // it was shown on another server
	shown, _ = d.call(t, "SHOP-10", "refund", "")
	if done, text = d.call(t, "SHOP-10", "refund", shown.Data.Confirm); !done.Data.Cleared {
		t.Error(text)
	}

	// A node is down: what the others have is told, and nothing is ruled out.
	nodes[2].Stop()
	a, text = call[hittingData](t, deps(t, "redis://payro:ropass@"+url), find, `{"limit":50}`)
	if a.Verdict == "ok" || len(a.RuledOut) > 0 || a.Data.Counters == 0 || a.Data.Counters >= 64 {
		t.Errorf("%s", text)
	}
}

// On Sentinel what was shown on the old master is not cleared on the new one.
func TestClearOverAFailover(t *testing.T) {
	master := redistest.Start(t, clearer)
	master.Must("SET", "rate:refund:M", "2000")
	replica := redistest.Replica(t, master, clearer)
	watch := redistest.Sentinel(t, master, 1)
	d := allowed(t, "redis+sentinel://clearer:x@"+watch.Addr+"/"+redistest.Name)
	shown, _ := d.call(t, "M", "refund", "")
	if shown.Data.Outcome != "shown" {
		t.Fatalf("%+v", shown.Data)
	}
	master.Stop()
	replica.Await("the failover", func() bool { return strings.Contains(replica.Do("INFO", "replication"), "role:master") })
	var r tooltest.Result
	replica.Await("the new master to be asked", func() bool {
		r = tooltest.New(t, tools.All(d.Deps)...).Call(t, clearTool, args("M", "refund", shown.Data.Confirm))
		return r.IsError
	})
	if !strings.Contains(r.Text, "something else") {
		t.Error(r.Text)
	}
	replica.Await("the key to be there", func() bool { return replica.Do("GET", "rate:refund:M") == "2000" })
	shown, _ = d.call(t, "M", "refund", "")
	if done, text := d.call(t, "M", "refund", shown.Data.Confirm); !done.Data.Cleared {
		t.Error(text)
	}
	replica.Await("the key to be gone", func() bool { return replica.Do("EXISTS", "rate:refund:M") == "0" })
}

// Redis is restarted while it is scanned: what was seen is told, and not as all.
func TestFindOverARestart(t *testing.T) {
	s := redistest.Start(t, account)
	plant(t, s, 20000)
	s.Must("SET", "rate:authorize:EVER", "24731")
	s.Must("SAVE")
	var mu sync.Mutex
	restarted, scans := false, 0
	proxy := redistest.Cutting(t, s.Addr, func(request []byte) redistest.Fate {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(string(request), "scan") {
			scans++
		}
		if scans == 20 && !restarted {
			restarted = true
			s.Stop()
			s.Run(account)
			return redistest.CutBefore
		}
		return redistest.Pass
	})
	a, text := call[hittingData](t, deps(t, "redis://payro:ropass@"+proxy), find, `{"time_budget_s":20}`)
	if !restarted || a.Verdict == "ok" || slices.Contains(a.RuledOut, "RATE_KEY_NO_TTL_BLOCKING") || len(a.Sources) == 0 || a.Sources[0].OK {
		t.Errorf("%s", text)
	}
	a, text = call[hittingData](t, deps(t, "redis://payro:ropass@"+proxy), find, `{"time_budget_s":20}`)
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING")
	says(t, text, "100% of 40001 keys")
}

// A budget of keys ends a scan as one of time does.
func TestFindWithAKeyBudget(t *testing.T) {
	s := redistest.Start(t, account)
	plant(t, s, 10000)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, text := call[hittingData](t, d, find, `{"key_budget":4000,"time_budget_s":20}`)
	if a.Verdict != "unknown" || !a.Coverage.Truncated || a.Coverage.Cursor == "" || a.Data.Counters < 1500 || a.Data.Counters > 2800 {
		t.Errorf("%s", text)
	}
	says(t, text, "of the keys were seen")
	rest, _ := call[hittingData](t, d, find, fmt.Sprintf(`{"time_budget_s":20,"cursor":%q}`, a.Coverage.Cursor))
	if rest.Coverage.Cursor != "" || a.Data.Counters+rest.Data.Counters != 10000 {
		t.Errorf("%d and %d", a.Data.Counters, rest.Data.Counters)
	}
}

func TestMasterDown(t *testing.T) {
	master := redistest.Start(t, account)
	master.Must("SET", "rate:authorize:M", "250", "EX", "60")
	replica := redistest.Replica(t, master, account, "replica-serve-stale-data no")
	master.Stop()
	replica.Await("the replica to notice", func() bool { return replica.Stat("master_link_status") == "down" })
	a, text := ask(t, deps(t, "redis://payro:ropass@"+replica.Addr), `{"merchant_id":"M"}`)
	found(t, a, "attention", "REDIS_READONLY", "RATE_LIMITER_FAIL_OPEN")
	says(t, text, "MASTERDOWN")
	h, text := call[hittingData](t, deps(t, "redis://payro:ropass@"+replica.Addr), find, `{}`)
	if h.Verdict == "ok" || !strings.HasPrefix(text, "NOT KNOWN - ") {
		t.Error(text)
	}
}

// A replica is scanned where one is preferred, and what is found there is looked at
// again on the master: a copy may lag.
func TestFindOnAReplica(t *testing.T) {
	master := redistest.Start(t, account)
	master.Must("SET", "rate:authorize:EVER", "24731")
	master.Must("SET", "rate:authorize:LATE", "24731")
	replica := redistest.Replica(t, master, account)
	target := parse(t, "redis://payro:ropass@"+master.Addr).PreferReplicas()
	d := deps(t, "redis://payro:ropass@"+master.Addr)
	d.Redis = opened(t, target)
	replica.Hang() // so that it lags
	master.Must("EXPIRE", "rate:authorize:LATE", "30")
	replica.Resume()
	a, text := call[hittingData](t, d, find, `{}`)
	if !slices.Contains(a.Codes(), "RATE_KEY_NO_TTL_BLOCKING") {
		t.Errorf("%s", text)
	}
	says(t, text, "redis "+replica.Addr+", a replica of redis "+master.Addr+", which may lag behind it")
	for _, row := range a.Data.Worst {
		if row.MerchantID == "LATE" && row.State != "blocked" || row.MerchantID == "EVER" && row.State != "blocked_for_ever" {
			t.Errorf("%+v", row)
		}
	}
}
