package tools

import (
	"slices"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/fault"
)

// sourcesOf lists the servers; one that answered about keys but not INFO is there
// a second time, for what it did not answer.
func sourcesOf(servers []redisdb.Server) []fault.Source {
	var all []fault.Source
	for _, s := range servers {
		all = append(all, s.Source)
		if s.Source.OK() && s.InfoErr != nil {
			all = append(all, fault.Source{Name: s.Source.Name + " INFO", Asked: "INFO", Took: s.Source.Took, Err: s.InfoErr})
		}
	}
	return all
}

// asOf is the clock of the server asked, and what must be said of where that is
// and whose clock it is.
func (d Deps) asOf(r redisdb.Reading) (at time.Time, notes []string) {
	answered := func(s redisdb.Server) bool { return s.Source.OK() }
	if slices.ContainsFunc(r.Servers, func(s redisdb.Server) bool { return s.Assumed && answered(s) }) {
		notes = append(notes, "REDIS_URL is not set: this is the Redis of this machine")
	}
	at = r.Clock()
	if at.IsZero() && slices.ContainsFunc(r.Servers, answered) {
		at = time.Now().In(d.Zone)
		notes = append(notes, "as_of is this machine's clock: Redis tells its own neither by INFO nor by TIME")
	}
	return at, notes
}
