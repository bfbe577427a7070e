package tools_test

import (
	"fmt"
	"strings"
	"testing"

	"payops-mcp/rediscache-mcp/internal/redistest"
)

// Where there is nobody to take over, Sentinel goes on to name the master that is gone.
func TestSentinelNamesAMasterThatIsGone(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, account)
	watch := redistest.Sentinel(t, master, 0)
	d := deps(t, "redis+sentinel://payro:ropass@"+watch.Addr+"/"+redistest.Name)
	if r, text := ask(t, d, `{"merchant_id":"M"}`); r.Verdict != "ok" {
		t.Error(text)
	}
	master.Stop()
	watch.Await("the sentinel to notice", func() bool { return strings.Contains(watch.Do("INFO", "sentinel"), "status=odown") })
	r, text := ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "critical", "REDIS_UNREACHABLE")
	says(t, text, master.Addr)
	a, text := call[hittingData](t, d, find, `{}`)
	if a.Verdict == "ok" || len(a.RuledOut) > 0 {
		t.Error(text)
	}
	b, text := call[statsData](t, d, stats, `{}`)
	concludes(t, b, "critical", "REDIS_UNREACHABLE")
	says(t, text, master.Addr)
}

// The counters of a cluster's node that is gone are not known; those of the others are,
// for as long as the cluster answers without it.
func TestAMasterOfAClusterIsGone(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3, append([]string{"cluster-require-full-coverage no"}, clustered...)...)
	url := "redis://payro:ropass@" + nodes[0].Addr + "," + nodes[1].Addr + "," + nodes[2].Addr
	merchants := map[*redistest.Server]string{}
	for _, m := range []string{"A", "B", "C", "D", "E", "F", "G", "H"} {
		at, _ := owner(t, nodes, "rate:refund:"+m)
		merchants[at] = m
	}
	gone := nodes[1]
	if merchants[gone] == "" || merchants[nodes[0]] == "" {
		t.Fatalf("the keys are not spread: %v", merchants)
	}
	d := deps(t, url)
	if r, text := ask(t, d, `{"merchant_id":"`+merchants[gone]+`","action":"refund"}`); r.Verdict != "ok" {
		t.Error(text)
	}
	gone.Stop()
	for name, warm := range map[string]bool{"known before": true, "asked for the first time": false} {
		t.Run(name, func(t *testing.T) {
			of := d
			if !warm {
				of = deps(t, url)
			}
			r, text := ask(t, of, `{"merchant_id":"`+merchants[gone]+`","action":"refund"}`)
			if r.Verdict == "ok" || len(r.RuledOut) > 0 {
				t.Error(text)
			}
			says(t, text, gone.Addr)
			if r, text := ask(t, of, `{"merchant_id":"`+merchants[nodes[0]]+`","action":"refund"}`); r.Verdict != "ok" {
				t.Error(text)
			}
		})
	}
}

// Slots that no node serves: every key in them answers CLUSTERDOWN, and INFO works on.
func TestSlotsOfAClusterThatNobodyServes(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 2, clustered...)
	d := deps(t, "redis://payro:ropass@"+nodes[0].Addr+","+nodes[1].Addr)
	lost := ""
	for _, m := range []string{"A", "B", "C", "D"} { // of one of them the slot is among the first half
		if at, _ := owner(t, nodes, "rate:refund:"+m); at == nodes[0] {
			lost = m
		}
	}
	for _, n := range nodes {
		n.Await("the slots to be nobody's", func() bool {
			n.Do("CLUSTER", "DELSLOTSRANGE", 0, 8191) // once more where it heard of them again
			return strings.HasPrefix(n.Do("GET", "rate:refund:"+lost), "CLUSTERDOWN")
		})
	}
	for name, scope := range map[string][]string{"merchant_ids": nil, "scope": {lost}} {
		t.Run(name, func(t *testing.T) {
			args := `{"action":"refund"}`
			if scope == nil {
				args = `{"action":"refund","merchant_ids":["` + lost + `"]}`
			}
			of := d
			of.Scope = scope
			a, text := call[hittingData](t, of, find, args)
			concludes(t, a, "unknown", "SRC_REDIS_CLUSTER_MODE")
			says(t, text, "NOT KNOWN - redis 127.0.0.1:", "CLUSTERDOWN", `counters, or their TTLs, of "`+lost+`"`)
			if len(a.RuledOut) > 0 && a.RuledOut[0] != "RATE_LIMITER_FAIL_OPEN" {
				t.Errorf("ruled out %v", a.RuledOut)
			}
		})
	}
}

// How many keys a master has that is gone nobody knows: it is no small part of all, and
// what there is in all is not estimated.
func TestAMasterThatIsGoneIsAPartOfAll(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3, append([]string{"cluster-require-full-coverage no"}, clustered...)...)
	for i := range 300 {
		key := fmt.Sprint("rate:authorize:SHOP-", i)
		at, _ := owner(t, nodes, key)
		at.Must("SET", key, 20000, "EX", "60")
	}
	d := deps(t, "redis://payro:ropass@"+nodes[0].Addr+","+nodes[1].Addr+","+nodes[2].Addr)
	nodes[1].Stop()
	gone := "redis " + nodes[1].Addr
	none := gone + ": none of its keys seen, and how many it has is not known"

	a, text := call[hittingData](t, d, find, `{}`)
	if a.Verdict == "ok" || a.Data.InAll != nil || a.Data.AtOrOver == 0 {
		t.Errorf("%s", text)
	}
	says(t, text, "in the roughly 66.6% of the keys seen", "only roughly 66.6% of the keys were seen", none,
		fmt.Sprintf("roughly 66.6%% of %d keys and those of 1 masters that did not tell how many, by SCAN", a.Data.AtOrOver))
	l, text := call[listData](t, d, "list_rate_limit_keys", `{}`)
	if says(t, text, "in the roughly 66.6% of the keys seen", none); l.Verdict == "ok" || strings.Contains(text, "; about ") {
		t.Errorf("%s", text)
	}
	b, text := call[statsData](t, d, stats, `{}`)
	if says(t, text, none); b.Verdict == "ok" || len(b.Data.Families) != 1 || b.Data.Families[0].About != nil {
		t.Errorf("%s", text)
	}
}
