package diagnose

import (
	"slices"
	"strings"
	"testing"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
)

func TestFailures(t *testing.T) {
	for class, c := range map[fault.Class]struct {
		want    []catalog.Code
		verdict catalog.Verdict
		says    string
	}{
		fault.Unreachable:     {[]catalog.Code{catalog.RedisUnreachable}, catalog.CriticalVerdict, "refused"},
		redisdb.CannotConnect: {[]catalog.Code{catalog.RedisUnreachable}, catalog.CriticalVerdict, "nothing accepted it"},
		fault.Timeout:         {[]catalog.Code{catalog.RedisSlow, catalog.RedisUnreachable}, catalog.Attention, "takes connections and answers nothing"},
		fault.Disconnected:    {[]catalog.Code{catalog.RedisUnreachable}, catalog.Unknown, "hung up"},
		fault.Busy:            {[]catalog.Code{catalog.RedisUnreachable}, catalog.Unknown, "no connection left"},
		fault.Schema:          {[]catalog.Code{catalog.RedisUnreachable}, catalog.Unknown, "no Redis"},
		redisdb.UnknownHost:   {[]catalog.Code{catalog.RedisUnreachable}, catalog.Unknown, "looked up"},
		redisdb.NoHandshake:   {[]catalog.Code{catalog.RedisUnreachable}, catalog.Unknown, "TLS handshake"},
		fault.Auth:            {[]catalog.Code{catalog.SrcRedisAuth}, catalog.Unknown, "does not take us in"},
		fault.Permission:      {[]catalog.Code{catalog.SrcRedisPermission}, catalog.Unknown, "may not do all"},
		fault.WrongServer:     {[]catalog.Code{catalog.SrcRedisClusterMode}, catalog.Unknown, "nodes of the cluster"},
		// Judged by what the server says of itself.
		fault.Loading:         {nil, "", ""},
		redisdb.MasterDown:    {nil, "", ""},
		redisdb.ScriptRunning: {nil, "", ""},
		// No code of the catalog: the source that failed makes the verdict unknown.
		redisdb.NotConfigured: {nil, "", ""},
		fault.BadStatus:       {nil, "", ""},
		fault.Unexpected:      {nil, "", ""},
	} {
		s := redisdb.Server{Source: fault.Source{Name: "redis h:1", Asked: "GETRANGE", Err: &fault.Failure{Class: class, Said: "what it said", Next: "what to do"}}}
		findings := Failures([]redisdb.Server{s})
		if got := codes(findings); !slices.Equal(got, c.want) {
			t.Errorf("%s: found %v, want %v", class, got, c.want)
			continue
		}
		if len(findings) == 0 {
			continue
		}
		f := findings[0]
		text := words(f)
		for _, want := range []string{c.says, "what it said", "what to do"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %s\ndoes not say %q", class, text, want)
			}
		}
		if f.Verdict != c.verdict {
			t.Errorf("%s: verdict %s, want %s", class, f.Verdict, c.verdict)
		}
		for _, f := range findings[1:] {
			if f.Severity != catalog.Low {
				t.Errorf("%s: the rival explanation %s is %s", class, f.Code, f.Severity)
			}
		}
	}
}

func TestInfoAlone(t *testing.T) {
	s := redisdb.Server{Source: fault.Source{Name: "redis h:1"}, InfoErr: &fault.Failure{Class: fault.Permission, Said: "NOPERM info"}}
	findings := Failures([]redisdb.Server{s})
	if got := codes(findings); !slices.Equal(got, []catalog.Code{catalog.SrcRedisPermission}) || !strings.Contains(words(findings[0]), "INFO: permission") {
		t.Errorf("%v: %v", got, findings)
	}
}

// Where nobody said where Redis is, that the default does not answer says nothing
// about the payment system.
func TestAssumedPlace(t *testing.T) {
	s := redisdb.Server{Assumed: true, Source: fault.Source{Name: "redis localhost:6379", Err: &fault.Failure{Class: fault.Unreachable, Said: "refused"}}}
	f := Failures([]redisdb.Server{s})[0]
	if f.Verdict != catalog.Unknown || !strings.Contains(f.Claim, "REDIS_URL is not set") {
		t.Errorf("%+v", f)
	}
}
