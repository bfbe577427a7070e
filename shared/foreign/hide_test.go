package foreign

import "testing"

func TestHideCredentials(t *testing.T) {
	for name, c := range map[string]struct{ authorization, body, want string }{
		"bearer":         {"Bearer tok-123456", "you sent Bearer tok-123456!", "you sent Bearer (hidden)!"},
		"basic, encoded": {"Basic dTpodW50ZXIy", "Basic dTpodW50ZXIy", "Basic (hidden)"},
		"basic, plain":   {"Basic dTpodW50ZXIy", "user u, password hunter2", "user u, password (hidden)"},
		"too short":      {"Bearer a", "a banana", "a banana"},
		"none":           {"", "body", "body"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(HideCredentials([]byte(c.body), c.authorization)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	for in, want := range map[string]string{
		"https://u:p@host/login?token=x#y": "https://host/login",
		"/relative?x=1":                    "/relative",
		"http://[::1":                      "an address that is none",
	} {
		if got := Place(in); got != want {
			t.Errorf("Place(%q) = %q, want %q", in, got, want)
		}
	}
}
