package stack

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/stack/proc"
)

// Each version names one exact release of its line.
func TestKafkaReleases(t *testing.T) {
	for _, line := range KafkaVersions() {
		r, err := findKafkaRelease(line)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(r.version) || !strings.HasPrefix(r.version, line+".") {
			t.Errorf("Kafka %s is pinned to %q", line, r.version)
		}
	}
	if _, err := findKafkaRelease("2.8"); err == nil || !strings.Contains(err.Error(), "3.9") {
		t.Errorf("an unknown version: %v; want the known ones named", err)
	}
}

func TestStartKafkaRefuses(t *testing.T) {
	if _, err := StartKafka(t.Context(), KafkaOptions{Version: "4"}); err == nil {
		t.Error("no supervisor is fine")
	}
	if _, err := StartKafka(t.Context(), KafkaOptions{Supervisor: new(proc.Supervisor), Version: "5"}); err == nil {
		t.Error("an unknown version is fine")
	}
}

func TestJavaVersion(t *testing.T) {
	for said, want := range map[string]string{
		`openjdk version "17.0.15" 2025-04-15`:                              "17",
		`java version "1.8.0_402"`:                                          "8",
		`openjdk version "21" 2023-09-19`:                                   "21",
		"Picked up JAVA_TOOL_OPTIONS: -Xss1m\nopenjdk version \"25.0.1\"\n": "25",
	} {
		if got := javaVersion.FindStringSubmatch(said); got == nil || got[1] != want {
			t.Errorf("%q: found %q, want %s", said, got, want)
		}
	}
}

// Fetches that were killed leave folders behind; those of others may be in use.
func TestRemoveOldParts(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for name, made := range map[string]time.Time{
		"kafka-3.9.2-aa":                   old,
		"kafka-3.9.2-aa" + partInfix + "1": old,
		"kafka-3.9.2-aa" + partInfix + "2": time.Now(),
	} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, made, made); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeOldParts(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"kafka-3.9.2-aa", "kafka-3.9.2-aa" + partInfix + "2"}; !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
}

// What the caller sets wins, and nothing in a value is lost.
func TestKafkaProperties(t *testing.T) {
	k := &Kafka{opt: KafkaOptions{
		Security: &KafkaSecurity{Users: map[string]string{"b": "2", "a": "1"}},
		Config:   map[string]string{"num.io.threads": "9", "log.dirs": `C:\data`},
	}}
	b := &KafkaBroker{kafka: k, id: 1, internal: "127.0.0.1:2", controller: "127.0.0.1:3"}
	b.addr, b.clientAddr = "127.0.0.1:1", "127.0.0.1:4"
	k.brokers = []*KafkaBroker{b}
	got := strings.Split(k.properties(b), "\n")
	for _, want := range []string{
		"num.io.threads=9",
		`log.dirs=C:\\data`,
		"listeners=CLIENT://127.0.0.1:1,INTERNAL://127.0.0.1:2,CONTROLLER://127.0.0.1:3",
		"advertised.listeners=CLIENT://127.0.0.1:4,INTERNAL://127.0.0.1:2",
		`listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_a="1" user_b="2";`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("missing %s in %q", want, got)
		}
	}
}
