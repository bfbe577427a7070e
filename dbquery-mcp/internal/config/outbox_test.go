package config_test

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/config"
	"payops-mcp/shared/env"
)

// Whether the limit of retries is the operator's or assumed is kept: it decides how
// sure a dead letter is.
func TestOutboxSettings(t *testing.T) {
	if o := load(t).Outbox; o.MaxRetries != 10 || o.MaxRetriesSet || o.StuckAfter != 5*time.Minute {
		t.Errorf("defaults are %+v", o)
	}
	if o := load(t, "OUTBOX_POLLING_MAX_RETRIES=5", "OUTBOX_STUCK_AFTER=90s").Outbox; o.MaxRetries != 5 || !o.MaxRetriesSet || o.StuckAfter != 90*time.Second {
		t.Errorf("set, they are %+v", o)
	}
	for _, wrong := range []string{"OUTBOX_POLLING_MAX_RETRIES=none", "OUTBOX_POLLING_MAX_RETRIES=0", "OUTBOX_STUCK_AFTER=5", "OUTBOX_STUCK_AFTER=100h"} {
		var c config.Config
		if err := env.Load(&c, []string{wrong}, ""); err == nil || !strings.Contains(err.Error(), strings.Split(wrong, "=")[0]) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
