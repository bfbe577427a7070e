package diagnose

import (
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// Failures makes findings of servers that did not answer, in whole or in part.
func Failures(servers []redisdb.Server) []report.Finding {
	var findings []report.Finding
	for _, s := range servers {
		if f := s.Source.Err; f != nil {
			findings = append(findings, failure(s.Source.Name, s.Source.Asked, f, s.Assumed)...)
		} else if s.InfoErr != nil {
			findings = append(findings, failure(s.Source.Name, "INFO", s.InfoErr, s.Assumed)...)
		}
	}
	return findings
}

// failure judges one failure by its class. Loading, a replica without its master
// and a running script are judged as states of the server.
func failure(name, asked string, f *fault.Failure, assumed bool) []report.Finding {
	found := func(code catalog.Code, claim string) report.Finding {
		return report.NewFinding(code, "%s", claim).With(name, asked, string(f.Class)+": "+f.Said.Quoted(), time.Time{})
	}
	unreachable := func(claim string) report.Finding {
		if assumed {
			return found(catalog.RedisUnreachable, claim+"; REDIS_URL is not set, so the default was asked").
				Then("Set REDIS_URL to the payment system's Redis").Unsure()
		}
		return found(catalog.RedisUnreachable, claim).
			Hurts("if ingest cannot reach it either, each request waits for Redis, then passes without limit").
			Then("Try from the host of ingest: redis-cli -h HOST -p PORT PING tells whether only this server cannot reach it", f.Next)
	}
	switch f.Class {
	case fault.Unreachable:
		return []report.Finding{unreachable("no connection to " + name + ": refused, or no route")}
	case redisdb.CannotConnect:
		return []report.Finding{unreachable("no connection to " + name + ": nothing accepted it in time, nothing refused it either")}
	case fault.Timeout:
		// One that hangs and one that nothing leads to look alike from here, and
		// what accepted the connection was there: so it hangs, as far as is known.
		hangs := found(catalog.RedisSlow, name+" takes connections and answers nothing: it hangs (a long command, CLIENT PAUSE, a stopped or swapping process), or something before it takes them in its place").
			Hurts("every authorize, capture and refund waits for it; ingest sets no timeout for Redis (Lettuce's is 60 s)").
			Then("On its host: is the process running (not stopped), what does SLOWLOG GET say once it answers?", f.Next)
		if assumed {
			hangs = hangs.Unsure()
		}
		return []report.Finding{hangs, unreachable("whether ingest reaches " + name + " is not known").Unsure()}
	case fault.Disconnected, fault.Busy, fault.Schema, redisdb.UnknownHost, redisdb.NoHandshake:
		// What Redis does is not known: the mistake may be in our settings.
		claims := map[fault.Class]string{
			fault.Disconnected:  " hung up without an answer",
			fault.Busy:          " has no connection left",
			fault.Schema:        " is answered by something that is no Redis, or speaks another protocol (TLS?)",
			redisdb.UnknownHost: " could not be looked up by that name",
			redisdb.NoHandshake: " takes connections and does not answer the TLS handshake: it hangs, or speaks no TLS there",
		}
		return []report.Finding{unreachable(name + claims[f.Class]).Unsure()}
	case fault.Auth:
		return []report.Finding{found(catalog.SrcRedisAuth, name+" does not take us in with the account and trust of REDIS_URL").Then(f.Next)}
	case fault.Permission:
		return []report.Finding{found(catalog.SrcRedisPermission, "the account in REDIS_URL may not do all that was asked of "+name).Then(f.Next)}
	case fault.WrongServer:
		return []report.Finding{found(catalog.SrcRedisClusterMode, name+" does not serve all of these keys: REDIS_URL and the nodes of the cluster do not fit, or the cluster is not whole").Then(f.Next)}
	}
	return nil
}

// Refused makes a finding of one question that a server did not answer, though it
// answered others.
func Refused(s redisdb.Server, asked string, f *fault.Failure) []report.Finding {
	return failure(s.Source.Name, asked, f, s.Assumed)
}
