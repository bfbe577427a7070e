package ingest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/shared/fault"
)

// DOWN is said with 503, and so is "there is no service" by a proxy: only one of
// them is the service's word.
func TestHealth(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		code       int
		body, want string
		class      fault.Class
	}{
		"up":             {200, `{"status":"UP"}`, "UP", ""},
		"down":           {503, `{"status":"DOWN","components":{"db":{"status":"DOWN"}}}`, "DOWN", ""},
		"gateway":        {503, `{"status":503,"error":"Service Unavailable"}`, "", fault.BadGateway},
		"not exposed":    {404, `{"status":404}`, "", fault.MissingPath},
		"a login page":   {200, `<html>log in</html>`, "", fault.NotJSON},
		"nothing at all": {200, ``, "", fault.NotJSON},
	} {
		t.Run(name, func(t *testing.T) {
			var asked string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.URL.Path
				w.WriteHeader(x.code)
				_, _ = io.WriteString(w, x.body)
			}))
			t.Cleanup(s.Close)
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			h := ingest.New(ingest.Options{BaseURLs: []*url.URL{u}}).Health(t.Context())
			if len(h) != 1 || h[0].Status.String() != x.want || h[0].Source.OK() != (x.class == "") || !h[0].Source.OK() && h[0].Source.Err.Class != x.class {
				t.Errorf("%+v, want %q %s", h, x.want, x.class)
			}
			if asked != "GET /actuator/health" {
				t.Errorf("asked %s", asked)
			}
		})
	}
}
