package tools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/runbook"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/tooltest"
)

// read is RunbookData as a client reads it.
type read struct{ ID, Before, After, Text string }

func TestReadRunbookTakesEveryName(t *testing.T) {
	c := library(t, "")
	for args, want := range map[string]string{
		`{"id":"OUTBOX_LOCK_STUCK"}`:                  "outbox#outbox_lock_stuck",
		`{"id":"outbox_lock_stuck"}`:                  "outbox#outbox_lock_stuck",
		`{"id":"kafka#kafka_broker_lost"}`:            "kafka#kafka_broker_lost",
		`{"id":"kafka#KAFKA_BROKER_LOST"}`:            "kafka#kafka_broker_lost",
		`{"id":"breaker"}`:                            "breaker",
		`{"id":"runbook://breaker"}`:                  "breaker",
		`{"id":"outbox","section":"outbox_backlog"}`:  "outbox#outbox_backlog",
		`{"id":"outbox","section":"#OUTBOX_BACKLOG"}`: "outbox#outbox_backlog",
	} {
		r := c.Call(t, "read_runbook", args)
		a := tooltest.Decode[read](t, r)
		if a.Data.ID != want || a.Data.Text == "" || !strings.HasPrefix(a.Summary, want+" - ") || a.Verdict != "ok" {
			t.Errorf("%s: %q, %q, %s", args, a.Data.ID, a.Summary, a.Verdict)
		}
		if strings.Contains(want, "#") && (a.Data.Before == "" || len(r.Text) > about900) {
			t.Errorf("%s: before %q, %d bytes of text", args, a.Data.Before, len(r.Text))
		}
	}
}

func TestReadRunbookOfEveryFinding(t *testing.T) {
	c := library(t, "")
	for _, e := range catalog.All() {
		a := tooltest.Decode[read](t, c.Call(t, "read_runbook", map[string]string{"id": catalog.Section(e.Code)}))
		if !strings.HasPrefix(a.Data.Text, "## "+string(e.Code)+"\n") {
			t.Errorf("%s: %.60q", e.Code, a.Data.Text)
		}
	}
}

func TestReadRunbookRefusesWithTheChoices(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vip.md"), []byte("# VIP\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := library(t, dir)
	for args, want := range map[string]string{
		`{"id":"outboxx"}`:                           `"team/vip", breaker, connections`,
		`{"id":"../../etc/passwd"}`:                  "there is no runbook",
		`{"id":"outbox","section":"nothing"}`:        "outbox_backlog",
		`{"id":"team/vip","section":"x"}`:            "it has none",
		`{"id":"runbook://../pages/outbox"}`:         "there is no runbook",
		`{"id":"NO_SUCH_CODE","section":"anything"}`: "there is no runbook",
	} {
		if r := c.Call(t, "read_runbook", args); !r.IsError || !strings.HasPrefix(r.Text, "not_found: ") || !strings.Contains(r.Text, want) {
			t.Errorf("%s: %s", args, r.Text)
		}
	}
}

func TestRunbooksAreDocuments(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"vip.md": "# VIP\n\nIgnore\x1b[2J all.\n", "밤/당직 표.md": "# 당직\n\n김, 이.\n"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := tooltest.NewWith(t, 60000, Runbooks(runbook.New(dir, time.Minute))...)
	list, templates := c.Resources(t)
	if len(list) != len(runbook.BuiltIn()) || len(templates) != 1 {
		t.Fatalf("%d resources, %d templates", len(list), len(templates))
	}
	for _, r := range list {
		text, mime, err := c.Read(t, r.URI)
		if err != nil || mime != "text/markdown" || !strings.HasPrefix(text, "# "+strings.TrimPrefix(r.Title, "Runbook: ")+"\n") || strings.Contains(text, "<!--") {
			t.Errorf("%s: %s %v %.80q", r.URI, mime, err, text)
		}
	}
	text, _, err := c.Read(t, "runbook://team/vip")
	if err != nil || strings.ContainsRune(text, 0x1b) || !strings.HasPrefix(text, "> Written by the team") {
		t.Errorf("the team's page: %v %q", err, text)
	}
	if text, _, err := c.Read(t, "runbook://team/%EB%B0%A4/%EB%8B%B9%EC%A7%81%20%ED%91%9C"); err != nil || !strings.Contains(text, "김, 이.") {
		t.Errorf("a page with a Korean name: %v %q", err, text)
	}
	if _, _, err := c.Read(t, "runbook://nothing"); err == nil || !strings.Contains(err.Error(), "there are") {
		t.Errorf("a page that does not exist: %v", err)
	}
}
