package main

import "testing"

// Two systems may be up at once: the end of the first takes the second from nobody.
func TestTheLastSystemIsTheOneKnown(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	first, second := running{Environment: map[string]string{"A": "1"}}, running{Environment: map[string]string{"A": "2"}}
	for _, r := range []running{first, second} {
		if err := remember(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		ends running
		left string
	}{{first, "2"}, {second, ""}, {second, ""}} {
		if err := x.ends.forget(); err != nil {
			t.Fatal(err)
		}
		if now, err := recall(); err != nil || now.Environment["A"] != x.left {
			t.Errorf("%v is known, want %q: %v", now.Environment, x.left, err)
		}
	}
}
