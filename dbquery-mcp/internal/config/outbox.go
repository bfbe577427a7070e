package config

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/shared/env"
)

// Outbox are the payment system's own settings of its outbox, under its names.
type Outbox struct{ diagnose.OutboxLimits }

const (
	maxRetriesName = "OUTBOX_POLLING_MAX_RETRIES"
	stuckAfterName = "OUTBOX_STUCK_AFTER"
)

// Load reads OUTBOX_*. Whether the limit of retries was set is kept: what rests on
// an assumed one says so.
func (o *Outbox) Load(get env.Lookup) error {
	o.MaxRetries, o.StuckAfter = diagnose.DefaultMaxRetries, diagnose.DefaultStuckAfter
	var errs []error
	if v, ok := get(maxRetriesName); ok {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 1 {
			errs = append(errs, fmt.Errorf("%s=%q: want a number of tries, 1 or more", maxRetriesName, v))
		}
		o.MaxRetries, o.MaxRetriesSet = n, true
	}
	if v, ok := get(stuckAfterName); ok {
		d, err := time.ParseDuration(v)
		if err != nil || d < time.Second || d > 24*time.Hour {
			errs = append(errs, fmt.Errorf("%s=%q: want a length of time from 1s to 24h, e.g. 300s", stuckAfterName, v))
		}
		o.StuckAfter = d
	}
	return errors.Join(errs...)
}

// Settings documents what Load reads.
func (*Outbox) Settings() []env.Setting {
	return []env.Setting{
		{Name: maxRetriesName, Default: strconv.Itoa(diagnose.DefaultMaxRetries), Help: "tries of an outbox event after which the poller gives it up, as ingest has it (5 in its yml, 10 in its compose file); assumed when not set"},
		{Name: stuckAfterName, Default: "300s", Help: "age from which on an unpublished event is stuck, where a call names none"},
	}
}
