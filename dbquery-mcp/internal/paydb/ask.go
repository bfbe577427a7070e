package paydb

import (
	"cmp"
	"context"
	"errors"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Asked is what asking one shard came to, whatever was asked.
type Asked struct {
	Shard  string // shard1
	Addr   string // host:port
	Source fault.Source
	Phase  Phase  // where it failed
	Number uint16 // MariaDB's error number, 0 if there is none

	Clock    Clock
	Identity Identity
	Account  Account
	Tables   map[string]Table // those that were looked at
	// SameAs names the earlier shard that is this very database; what was read
	// here is then left out.
	SameAs string
}

// Spoke reports whether the shard's server said anything at all, be it a refusal.
func (a Asked) Spoke() bool { return a.Source.OK() || a.Number != 0 || a.Phase == Asking }

// Reply is what one shard answered.
type Reply[T any] struct {
	Asked
	Facts T
}

// ask puts a question to all shards side by side. The error is one of the call, a
// *fault.Error; a shard's own failure is in its reply.
func ask[T any](ctx context.Context, db *DB, question func(context.Context, *Reader) (T, error)) ([]Reply[T], error) {
	ctx, cancel := early(ctx)
	defer cancel()
	replies := make([]Reply[T], len(db.shards))
	errs := make([]error, len(db.shards))
	fault.TogetherEach(len(db.shards), func(i int) { replies[i], errs[i] = askShard(ctx, db.shards[i], question) })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	markSame(replies)
	return replies, nil
}

// early ends a little before the call does, so that there is time to say which
// shard did not answer.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	return context.WithTimeout(ctx, left-min(500*time.Millisecond, left/5))
}

func askShard[T any](ctx context.Context, s *shard, question func(context.Context, *Reader) (T, error)) (Reply[T], error) {
	reply, stale, err := askOnce(ctx, s, question)
	if stale && ctx.Err() == nil {
		s.forget()
		reply, _, err = askOnce(ctx, s, question)
	}
	return reply, err
}

// askOnce reports as stale a failure that may come of a table that was changed
// since its connection has looked at it.
func askOnce[T any](ctx context.Context, s *shard, question func(context.Context, *Reader) (T, error)) (reply Reply[T], stale bool, callErr error) {
	reply.Shard, reply.Addr = s.name, s.addr
	start := time.Now()
	r, err := s.open(ctx)
	phase := Connecting
	if err == nil {
		err = s.permit(r)
		if err == nil {
			reply.Facts, err = question(ctx, r)
		}
		reply.Source.Asked = r.asked
		r.close(ctx)
	}
	if r != nil {
		phase = Asking
		reply.Clock, reply.Identity, reply.Account, reply.Tables = r.clock, r.session.identity, r.session.account, r.tables
		reply.Source.Asked = cmp.Or(reply.Source.Asked, r.asked)
	}
	reply.Source.Name, reply.Source.Took = s.source(), time.Since(start)
	if err == nil {
		return reply, false, nil
	}
	var nothing T
	reply.Facts = nothing // half of an answer would pass for a whole one
	if own, ok := errors.AsType[*fault.Error](err); ok {
		return reply, false, own
	}
	switch {
	case s.unset != nil:
		reply.Source.Asked = "nothing, there is no address"
	case phase == Connecting:
		reply.Source.Asked = "connect as " + s.user + " to " + s.database
	}
	reply.Phase = phase
	reply.Source.Err, reply.Number = s.failed(err, phase)
	return reply, reply.Source.Err.Class == fault.Schema && r != nil && r.cached, nil
}

// permit refuses to ask with an account that may do more than read.
func (s *shard) permit(r *Reader) error {
	if !s.options.RequireReadOnly || len(r.session.account.Wider) == 0 {
		return nil
	}
	return fault.New(fault.Refused, "Give it an account that may only read, or unset DB_REQUIRE_READONLY_ACCOUNT",
		"the account %s of %s may do more than read: %s", r.session.account.User, s.name, r.session.account.WiderText())
}

// markSame finds shards that are one database reached by two names.
func markSame[T any](replies []Reply[T]) {
	for i := range replies {
		for j := range i {
			if replies[i].Source.OK() && replies[j].Source.OK() && replies[j].SameAs == "" && replies[i].Identity.Same(replies[j].Identity) {
				replies[i].SameAs = replies[j].Shard
				break
			}
		}
	}
}

// Check returns how to ask one shard, by its place in Shards, whether it answers
// and whether the payment table is there.
func (db *DB) Check(place int) func(context.Context) fault.Source {
	return func(ctx context.Context) fault.Source {
		reply, err := askShard(ctx, db.shards[place], func(ctx context.Context, r *Reader) (struct{}, error) {
			t, err := r.paymentTable(ctx)
			if missing := t.Drift().Missing; err == nil && len(missing) > 0 {
				err = r.lacks(t, missing)
			}
			return struct{}{}, err
		})
		if refused, ok := errors.AsType[*fault.Error](err); ok {
			reply.Source.Asked = sqlGrants
			reply.Source.Err = &fault.Failure{Class: fault.Permission, Said: foreign.Text(refused.Message), Next: refused.Next}
		}
		return reply.Source
	}
}
