package incident

import (
	"slices"
	"strings"

	"payops-mcp/sandbox/stack"
	"payops-mcp/shared/catalog"
)

// Together says why two incidents cannot hold at the same time, or could not be told
// apart if they did; empty when they can.
//
// It is a rule and no list: an incident that is added is judged by what it needs, by
// what it takes away from the sight of others, and by what follows from its roots.
func Together(a, b Incident) string {
	switch {
	case a.ID == b.ID:
		return "it is the same"
	case a.Row().Healthy() || b.Row().Healthy():
		return "a near miss is none"
	case len(a.Row().Root) > 1 || len(b.Row().Root) > 1:
		return "one of them is several already"
	case a.blinds()&b.Parts != 0 || b.blinds()&a.Parts != 0:
		return "one takes away what the other is seen through"
	case a.Row().follows(b.Row()) || b.Row().follows(a.Row()):
		return "one follows from the other"
	case a.Living() && b.Living(), (a.Parts&b.Parts)&(stack.PartIngest|stack.PartKafka|stack.PartPrometheus) != 0:
		return "both change how the payment system behaves"
	case a.Living() && b.OfFailed, b.Living() && a.OfFailed:
		return "a worker that lives retries what failed until it is through"
	case a.Living() && !b.quiet(), b.Living() && !a.quiet():
		return "one is not for a system in which payments are made"
	case !a.quiet() && !b.quiet() && a.Parts&b.Parts != 0:
		return "both change a whole server"
	case a.passesTime() && b.Parts == stack.PartMariaDB, b.passesTime() && a.Parts == stack.PartMariaDB:
		return "time passes in the databases, and what is under way looks late"
	case a.Row().drains() && b.Row().drains():
		return "both hold up the outbox"
	}
	return ""
}

// quiet reports whether the incident is some keys or some rows and nothing else, so
// that it can be on any system, beside any other of the kind.
func (i Incident) quiet() bool {
	if i.Parts != stack.PartRedis && i.Parts != stack.PartMariaDB {
		return false
	}
	// Payments that are made besides change the rate of what fails, and a worker that
	// lives retries what was starved.
	return !i.about("SRC_", "REDIS_", "DB_", "OUTBOX_", string(catalog.SettlementFailureSpike), string(catalog.SettlementRetryStarved))
}

// passesTime reports whether the incident makes what is in the databases of a living
// system older than it is.
func (i Incident) passesTime() bool { return i.Living() && i.about("OUTBOX_") }

// blinds are the services that nobody sees anything through while the incident
// lasts.
func (i Incident) blinds() (parts stack.Parts) {
	if i.about("SRC_PARTIAL") {
		parts |= i.Parts
	}
	if i.about("SRC_DB", "SRC_CLOCK", "SRC_TIMEZONE", "DB_SHARD_UNREACHABLE", "DB_TOO_MANY", "DB_REPLICA") {
		parts |= stack.PartMariaDB
	}
	if i.about("SRC_REDIS", "REDIS_") {
		parts |= stack.PartRedis
	}
	if i.about("SRC_KAFKA", "KAFKA_BROKERS", "KAFKA_LEADERLESS") {
		parts |= stack.PartKafka
	}
	if i.about("SRC_PROM", "INGEST_DOWN") {
		parts |= stack.PartPrometheus
	}
	if i.about("SRC_API", "INGEST_DOWN") {
		parts |= stack.PartIngest
	}
	return parts
}

// follows reports whether a root of the other row is a root of this one, or follows
// from one.
func (r Row) follows(other Row) bool {
	return slices.ContainsFunc(r.Root, func(c catalog.Code) bool {
		after := Follows(c)
		return slices.ContainsFunc(other.Root, func(o catalog.Code) bool { return o == c || after[o] })
	})
}

// drains reports whether the row is about how the outbox drains, so that what waits
// in it tells of one such thing at a time.
func (r Row) drains() bool {
	return slices.ContainsFunc(r.Root, func(c catalog.Code) bool {
		after := Follows(c)
		return c != catalog.OutboxDeadLetters && (after[catalog.OutboxBacklog] || after[catalog.OutboxShardBacklog])
	})
}

// EveryPair are the pairs of incidents, each once, whether they can hold together or not.
func EveryPair() (pairs [][2]Incident) {
	all := All()
	for n, a := range all {
		for _, b := range all[n+1:] {
			pairs = append(pairs, [2]Incident{a, b})
		}
	}
	return pairs
}

// Possible are those of some pairs that can hold together.
func Possible(pairs [][2]Incident) [][2]Incident {
	return slices.DeleteFunc(pairs, func(p [2]Incident) bool { return Together(p[0], p[1]) != "" })
}

// Pairs are the pairs of incidents that can hold together, each once.
func Pairs() [][2]Incident { return Possible(EveryPair()) }

// alone are near misses that cannot hold beside others: another identity of the
// databases, a clock that is moved, an empty system, no lookups at all, and what is
// all of them at once.
var alone = []string{"NM-06", "NM-08", "NM-20", "NM-22", "CX-10"}

// showsTraffic reports whether the row changes how much the payment system is used,
// and how it answers: there is one such thing at a time.
func (r Row) showsTraffic() bool {
	return slices.ContainsFunc(r.Shows, func(c catalog.Code) bool { return strings.HasPrefix(string(c), "INGEST_") })
}

// NearMisses are the near misses that can hold together on a living system, or on a
// static one, in the order in which to have them.
func NearMisses(living bool) (near []Incident) {
	var last []Incident
	for _, n := range All() {
		onRows := n.Parts == stack.PartRedis || n.Parts == stack.PartMariaDB
		there := n.Living() == living || living && onRows
		if there && n.Row().Healthy() && !slices.Contains(alone, n.ID) && !n.Row().showsTraffic() {
			if slices.Contains(hurry, n.ID) {
				last = append(last, n)
			} else {
				near = append(near, n)
			}
		}
	}
	return append(near, last...)
}

// hurry are near misses that time makes true, or ends, within one minute or two. They
// come after the others.
var hurry = []string{"NM-02", "NM-09", "NM-13"}

// NearMisses are those of the near misses on top of which the incident can happen.
func (i Incident) NearMisses() (near []Incident) {
	if i.Row().Healthy() || len(i.Row().Root) > 1 {
		return nil
	}
	for _, n := range NearMisses(i.Living()) {
		if i.hides(n) == "" {
			near = append(near, n)
		}
	}
	return near
}

// hides says why a near miss would not be one while the incident lasts, or would be
// undone by it; empty when it is.
func (i Incident) hides(n Incident) string {
	switch {
	case n.ID == "NM-24" && i.about("REDIS_"):
		return "keys that end give back the memory whose want may be the incident"
	case n.ID == "NM-13" && (i.Living() || i.Parts&^(stack.PartMariaDB|stack.PartRedis) != 0):
		return "what is in flight is late before the incident has had its symptoms"
	case n.ID == "NM-02" && i.Living():
		return "events that are held do not reach what the incident is about"
	case n.ID == "NM-01" && i.about("CB_", "KAFKA_"), n.ID == "NM-17" && i.about("PG_", "INGEST_"):
		return "both set what the service tells of itself"
	}
	return ""
}

// about reports whether the code of a root begins with one of these.
func (i Incident) about(prefixes ...string) bool {
	return slices.ContainsFunc(i.Row().Root, func(c catalog.Code) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(string(c), p) })
	})
}
