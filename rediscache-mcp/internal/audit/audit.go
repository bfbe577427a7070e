// Package audit writes down what this server was asked to change, who asked, and
// what came of it: one JSON object a line, only ever appended.
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Record is a line of the log. Nothing in it is cut or cleaned.
type Record struct {
	Time     time.Time `json:"time"`
	Who      string    `json:"who"`              // account and host of this process
	Client   string    `json:"client,omitempty"` // the program that asked, as it names itself
	Redis    string    `json:"redis"`
	Merchant string    `json:"merchant_id"`
	Action   string    `json:"action"`
	Key      string    `json:"key"`
	Value    *string   `json:"value"`  // what the key held; null when it was not there, or not read
	TTLms    *int64    `json:"ttl_ms"` // null: none, or not read
	Reason   string    `json:"reason,omitempty"`
	Consent  string    `json:"consent,omitempty"` // what a person said, where one could be asked
	Outcome  string    `json:"outcome"`
	Detail   string    `json:"detail,omitempty"`
}

// Log is an append-only file. Nothing is opened before the first record.
type Log struct{ path string }

// New returns the log at a path; an empty path is none, and takes no record.
func New(path string) *Log { return &Log{path} }

// Append writes a record and waits until it is on the disk. The file is opened
// anew each time, so that one that was moved away is begun again, and several
// servers can write to the same.
func (l *Log) Append(r Record) error {
	r.Time, r.Who = time.Now().UTC(), who()
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := l.open()
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// Ready reports whether a record could be written now.
func (l *Log) Ready() error {
	f, err := l.open()
	if err != nil {
		return err
	}
	return f.Close()
}

// Check tells whether the log takes records, for --check.
func (l *Log) Check(context.Context) fault.Source {
	s := fault.Source{Name: "audit log " + cmp.Or(l.path, "(none)"), Asked: "to open it for appending"}
	if err := l.Ready(); err != nil {
		s.Err = &fault.Failure{Class: fault.Unexpected, Said: foreign.Text(err.Error()), Next: "Set REDIS_AUDIT_LOG to a file that this process can append to", Err: err}
	}
	return s
}

func (l *Log) open() (*os.File, error) {
	if l.path == "" {
		return nil, errors.New("REDIS_AUDIT_LOG is not set")
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: what is written there would not be kept", l.path)
	}
	if err != nil {
		_ = f.Close() // the first error says more
		return nil, err
	}
	return f, nil
}

// who names the account and the host of this process, as far as the system tells.
func who() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
