package env

import (
	"os"
	"path/filepath"
	"testing"
)

// urls is a group with a secret in it.
type urls struct{ main Secret }

func (u *urls) Load(get Lookup) (err error) {
	u.main, err = get.Secret("TEST_URL")
	return err
}

func (*urls) Settings() []Setting { return []Setting{{Name: "TEST_URL", Help: "where", Secret: true}} }

func TestSecretOfAGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("x://:pw@h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ []string
		want    string
		wrong   bool
	}{
		"not set": {nil, "", false},
		"set":     {[]string{"TEST_URL=x://h"}, "x://h", false},
		"by file": {[]string{"TEST_URL_FILE=" + file}, "x://:pw@h", false},
		"twice":   {[]string{"TEST_URL=x://h", "TEST_URL_FILE=" + file}, "", true},
		"no file": {[]string{"TEST_URL_FILE=" + file + "x"}, "", true},
	} {
		var into struct{ URLs urls }
		err := Load(&into, c.environ, "")
		if got := into.URLs.main.Reveal(); got != c.want || (err != nil) != c.wrong {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
