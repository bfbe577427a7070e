package redisdb

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for url, want := range map[string]string{
		"redis://localhost":                                  "redis localhost:6379",
		"redis://localhost:7000/":                            "redis localhost:7000",
		"redis://:pw@10.0.0.1:7000/2":                        "redis 10.0.0.1:7000 db 2",
		"REDIS://h":                                          "redis h:6379",
		"redis://u:p%40%2C%23@h":                             "redis h:6379",
		"redis://[::1]:7000":                                 "redis [::1]:7000",
		"rediss://h:7000":                                    "redis h:7000",
		"redis://h?db=3":                                     "redis h:6379 db 3",
		"unix:///run/redis.sock":                             "redis /run/redis.sock",
		"unix://u:p@/run/redis.sock?db=1":                    "redis /run/redis.sock db 1",
		"redis://a:1,b:2,c":                                  "redis cluster a:1,b:2,c:6379",
		"redis://u:p@a:1,redis://b:2":                        "redis cluster a:1,b:2",
		"redis://u:p@a:1, u:p@b:2/0":                         "redis cluster a:1,b:2",
		"redis+sentinel://a,b:1/main":                        "redis master main by sentinel a:26379,b:1",
		"rediss+sentinel://u:p@a/main/4?sentinel_password=q": "redis master main by sentinel a:26379 db 4",
	} {
		got, err := Parse(url, nil)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		} else if got.String() != want {
			t.Errorf("%s is %q, want %q", url, got, want)
		}
	}
	got, err := Parse("redis+sentinel://u:p%2F@a,b/main?sentinel_username=su&sentinel_password=sp", nil)
	if err != nil || got.user != "u" || got.password != "p/" || got.sentinelUser != "su" || got.sentinelPass != "sp" {
		t.Errorf("accounts of %+v, %v", got, err)
	}
	if secure, _ := Parse("rediss://h", nil); secure.tls == nil || secure.tls.InsecureSkipVerify {
		t.Error("rediss without TLS, or without a look at the certificate")
	}
}

func TestParseRefusesWhatItWouldNotHonour(t *testing.T) {
	for url, want := range map[string]string{
		"":                                        "no scheme",
		"localhost:6379":                          "no scheme",
		"hunter2@localhost":                       "no scheme",
		"http://u:hunter2@h":                      "unknown scheme",
		"redis://":                                "host is missing",
		"redis://hunter2@h":                       "without a password",
		"redis://u:hun,ter2@h":                    "%2C",
		"redis://u:hunter2@h:0":                   "port",
		"redis://u:hunter2@h:port":                "percent-encoded",
		"redis://u:hunter2%zz@h":                  "percent-encoded",
		"redis://u:hunter2@h/x":                   "number of the database",
		"redis://u:hunter2@h/-1":                  "number of the database",
		"redis://u:hunter2@h/1/2":                 "too much",
		"redis://u:hunter2@h?skip_verify=1":       `unknown option "skip_verify"`,
		"redis://u:hunter2@h?sentinel_password=x": "unknown option",
		"redis://u:hunter2@a,b/1":                 "only database 0",
		"redis://u:hunter2@a/0,b":                 "last host",
		"redis://u:hunter2@a,v:hunter2@b":         "one user",
		"redis://u:hunter2@a,rediss://b":          "one scheme",
		"redis://u:hunter2@h#x":                   "%23",
		"redis+sentinel://u:hunter2@a":            "name of the master",
		"unix://u:hunter2@host/run/x":             "path of a socket",
	} {
		_, err := Parse(url, nil)
		if err == nil {
			t.Errorf("%s was taken", url)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", url, err, want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in %v", err)
		}
	}
}

func FuzzParseKeepsThePassword(f *testing.F) {
	for _, s := range []string{"redis://u:%s@h", "redis://%s@h:1,b", "unix://u:%s@/x", "redis+sentinel://a/%s?sentinel_password=%s", "%s"} {
		f.Add(s)
	}
	const secret = "hunter2hunter2"
	f.Fuzz(func(t *testing.T, shape string) {
		if !strings.Contains(shape, ":%s@") {
			return
		}
		target, err := Parse(strings.Replace(shape, ":%s@", ":"+secret+"@", 1), nil)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the password is in %v", err)
		}
		// A colon and an at sign behind the first slash are part of a path.
		if err == nil && target.password == secret && strings.Contains(target.String(), secret) {
			t.Errorf("the password is in %q", target)
		}
	})
}
