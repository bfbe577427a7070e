package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// poolExhausted finds database pools in which threads wait because every
// connection is taken, or have given up waiting. The pools of one name are those of
// one database, so that instances with the same trouble are one finding.
func poolExhausted(p promql.Past) (found []report.Finding) {
	by := map[string][]promql.Pool{}
	var order []string
	for _, pool := range p.Pools {
		if !exhausted(pool, p.Live) {
			continue
		}
		name := pool.Name.String()
		if by[name] == nil {
			order = append(order, name)
		}
		by[name] = append(by[name], pool)
	}
	for _, name := range order {
		some := by[name]
		worst := slices.MaxFunc(some, func(a, b promql.Pool) int {
			return cmp.Or(cmp.Compare(numberOr(a.TimeoutsOver), numberOr(b.TimeoutsOver)), cmp.Compare(numberOr(a.Pending), numberOr(b.Pending)))
		})
		is, asked, said := "is", "hikaricp_connections_active", exhaustion(worst, p.HTTP.RecentFor)
		if !p.Live {
			is, asked, said = "was", "hikaricp_connections_timeout_total", exhaustedOver(worst, p.Until.Sub(p.Since))
		}
		var on []string
		for _, pool := range some[:min(len(some), maxNames)] {
			on = append(on, Name(pool.Instance.String()))
		}
		f := report.NewFinding(catalog.DBPoolExhausted, "database pool %s %s exhausted on %s: %s", Name(name), is, strings.Join(on, ", "), said).
			With("prometheus", fmt.Sprintf(`%s{instance=%q,pool=%q}`, asked, worst.Instance.String(), name), said, p.Until).
			Hurts("requests that need this database: they wait, then fail with 500 (%s)", shardOf(name)).
			Then("check_database_health: long transactions, lock waits, connections", "Do not raise the pool before the database is known to be well").
			ConfirmWith("check_database_health")
		found = append(found, f)
	}
	return found
}

// exhausted reports whether every connection of a pool is taken and threads wait all
// the while, or have given up waiting; in a time that is over, whether any gave up.
func exhausted(pool promql.Pool, live bool) bool {
	if !live {
		return pool.TimeoutsOver != nil && *pool.TimeoutsOver >= 0.5 // Prometheus extrapolates
	}
	full := pool.Active != nil && pool.Max != nil && *pool.Max > 0 && *pool.Active >= *pool.Max
	return full && pool.AlwaysPending != nil && *pool.AlwaysPending > 0 || pool.RecentTimeouts != nil && *pool.RecentTimeouts > 0
}

// poolsKnown reports whether pools are there and it can be told of each whether it is
// exhausted. An instance that waits for its pool may also keep Prometheus waiting, and
// then has no numbers of now. Of a time that is over it cannot be told where threads
// waited at a scrape and none gave up.
func poolsKnown(p promql.Past) bool {
	return pastKnown(p) && len(p.Pools) > 0 && !slices.ContainsFunc(p.Pools, func(pool promql.Pool) bool {
		if p.Live {
			return pool.Active == nil || pool.Max == nil || pool.AlwaysPending == nil
		}
		return pool.TimeoutsOver == nil || pool.MostPending == nil || *pool.MostPending > 0
	})
}

// exhaustedOver is what a pool came to in a time that is over, in one line.
func exhaustedOver(pool promql.Pool, length time.Duration) string {
	said := whole(numberOr(pool.TimeoutsOver)) + " waits timed out in " + short(length)
	if n := numberOr(pool.MostPending); n > 0 {
		said += fmt.Sprintf(", up to %s threads waited at a scrape", number(n))
	}
	return said
}

// exhaustion is what a pool shows, in one line.
func exhaustion(pool promql.Pool, recent time.Duration) string {
	var said []string
	if pool.Active != nil && pool.Max != nil && *pool.Active >= *pool.Max {
		said = append(said, fmt.Sprintf("%s of %s connections are taken", number(*pool.Active), number(*pool.Max)))
	}
	if n := numberOr(pool.AlwaysPending); n > 0 {
		said = append(said, fmt.Sprintf("%s threads wait, never fewer than %s in %s", number(numberOr(pool.Pending)), number(n), short(recent)))
	}
	if n := numberOr(pool.Timeouts); n > 0 {
		said = append(said, whole(n)+" waits timed out in 5m")
	}
	return strings.Join(said, ", ")
}

func numberOr(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// shardOf says which database a pool of the repository's services is for.
func shardOf(pool string) string {
	switch pool {
	case "HikariPool-1", "HikariPool-Shard1":
		return "shard1"
	case "HikariPool-2", "HikariPool-Shard2":
		return "shard2"
	}
	return "shard not known by this name"
}

// IngestRefused are the findings that Kafka refuses what the ingest service sends: what
// it refuses a worker keeps no event of the outbox from going there.
func IngestRefused(p promql.Past) []report.Finding {
	p.Errors = slices.DeleteFunc(slices.Clone(p.Errors), func(e promql.ErrorCount) bool { return !e.OfIngest() })
	return produceUnauthorized(p)
}

// produceUnauthorized finds sends that Kafka refuses because the sender may not
// write there: Kafka is reachable, and only this one is kept out.
func produceUnauthorized(p promql.Past) (found []report.Finding) {
	for _, e := range p.Errors {
		if !e.Refused() || p.Live && e.Recent <= 0 {
			continue
		}
		rate := ""
		if e.Recent > 0 {
			rate = ", " + number(e.Recent) + "/s now"
		}
		f := report.NewFinding(catalog.KafkaProduceUnauthorized, "%s may not write to Kafka: %s sends failed with %s in %s%s",
			Name(e.Job.String()), whole(e.Count), Name(e.Exception.String()), short(p.Until.Sub(p.Since)), rate).
			With("prometheus", fmt.Sprintf(`spring_kafka_template_seconds_count{job=%q,result="failure",exception=%q}`, e.Job.String(), e.Exception.String()), fmt.Sprintf("%s more in %s%s", whole(e.Count), short(p.Until.Sub(p.Since)), rate), p.Until).
			Hurts("every event of %s", Name(e.Job.String())).
			Then("Find out what changed in Kafka's ACLs or in the service's account", "Have WRITE on payment.* restored to it").
			ConfirmWith("check_kafka_health")
		found = append(found, f)
	}
	return found
}

// unproven reports whether sends of ingest were refused and nothing shows that they are
// no longer: where a send comes every few minutes, none of the last one is none to refuse.
func unproven(e promql.ErrorCount) bool {
	return e.OfIngest() && e.Refused() && e.Recent <= 0 && math.Round(e.Count) > 0 && !e.Last.IsZero() && e.SentSince == 0
}

// sendsKnown reports whether it can be told whether Kafka refuses what is sent.
func sendsKnown(p promql.Past) bool {
	return pastKnown(p) && (!p.Live || !slices.ContainsFunc(p.Errors, unproven))
}

// sendDoubts tell of refusals after which nothing was sent.
func sendDoubts(p promql.Past) (doubts []string) {
	for _, e := range p.Errors {
		if p.Live && unproven(e) {
			doubts = append(doubts, fmt.Sprintf("%s sends of %s were refused by Kafka (%s) until %s, none was sent since: whether it may write now is not known", whole(e.Count), Name(e.Job.String()), Name(e.Exception.String()), moment(p, e.Last)))
		}
	}
	return doubts
}
