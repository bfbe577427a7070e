package audit_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/audit"
)

func records(t *testing.T, path string) (all []audit.Record) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var r audit.Record
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, s.Text())
		}
		all = append(all, r)
	}
	return all
}

func TestLinesAreOnlyAdded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l := audit.New(path)
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there before the first record")
	}
	value, ttl := "24731", int64(41000)
	hostile := "M\n{\"outcome\":\"forged\"}\r\n\u202e"
	if err := l.Append(audit.Record{Merchant: hostile, Key: "rate:authorize:" + hostile, Value: &value, TTLms: &ttl, Reason: "two\nlines", Outcome: "cleared"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := audit.New(path).Append(audit.Record{Merchant: fmt.Sprint(i), Outcome: "shown"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all := records(t, path)
	if len(all) != 21 {
		t.Fatalf("%d lines", len(all))
	}
	if r := all[0]; r.Merchant != hostile || *r.Value != value || *r.TTLms != ttl || r.Reason != "two\nlines" || time.Since(r.Time).Abs() > time.Minute || !strings.Contains(r.Who, "@") {
		t.Errorf("%+v", r)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

func TestWhatKeepsNoRecordIsNoLog(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{
		"not set": "", "a folder": dir, "no folder": filepath.Join(dir, "none", "a.jsonl"), "nothing keeps it": os.DevNull,
	} {
		l := audit.New(path)
		if l.Append(audit.Record{}) == nil || l.Ready() == nil {
			t.Errorf("%s: a record was taken", name)
		}
	}
}
