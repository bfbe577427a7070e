package db

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/bench/internal/subject"
	"payops-mcp/sandbox/stack"
)

//go:embed fourchecks.sql
var fourChecksSQL string

// spent is what something has cost.
type spent struct{ wall, server, client time.Duration }

// peer runs the single statement with the command-line client, and makes sure that
// it finds what is planted.
func (r *rig) peer(ctx context.Context) (s spent, err error) {
	host, port, err := net.SplitHostPort(r.first.Addr())
	if err != nil {
		return s, err
	}
	cmd := exec.CommandContext(ctx, r.cli, "--no-defaults", "--batch", "--skip-column-names", "--host="+host, "--port="+port, "--protocol=tcp", "--user="+stack.ReaderUser, stack.Database)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+r.stack.Env()["PAYMENT_DB_PASSWORD"])
	cmd.Stdin = strings.NewReader(fourChecksSQL)
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	before, err := cpuOf(r.pid)
	if err != nil {
		return s, err
	}
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return s, fmt.Errorf("the single statement: %w: %s", err, failed.String())
	}
	s.wall = time.Since(begin)
	after, err := cpuOf(r.pid)
	if err != nil {
		return s, err
	}
	s.server, s.client = after-before, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	var found []int64
	for line := range strings.Lines(out.String()) {
		id, _, _ := strings.Cut(line, "\t")
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return s, fmt.Errorf("the single statement answered %q", line)
		}
		found = append(found, n)
	}
	return s, same("the single statement", found, r.all())
}

// all are the planted ids of every kind.
func (r *rig) all() (ids []int64) {
	for _, some := range r.want {
		ids = append(ids, some...)
	}
	return ids
}

// same makes void what did not find exactly what was planted.
func same(who string, found, want []int64) error {
	slices.Sort(found)
	slices.Sort(want)
	if !slices.Equal(found, want) {
		return fmt.Errorf("void: %s found %d ids, %d are planted, and they are not the same", who, len(found), len(want))
	}
	return nil
}

// settings reach the first shard alone, or both; a call may take long here.
func (r *rig) settings(shards int, more map[string]string) map[string]string {
	all := map[string]string{"PAYOPS_CALL_TIMEOUT": "5m", "PAYOPS_TIMEZONE": "UTC"}
	for name, value := range r.stack.Env() {
		if strings.HasPrefix(name, "PAYMENT_DB_") && (shards > 1 || !strings.HasSuffix(name, "_SHARD2")) {
			all[name] = value
		}
	}
	maps.Copy(all, more)
	return all
}

// start starts a server on the first shard, or on both.
func (r *rig) start(ctx context.Context, shards int, more map[string]string) (*subject.Process, error) {
	p, _, err := subject.Start(ctx, r.program, r.settings(shards, more))
	return p, err
}
