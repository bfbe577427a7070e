package paydb

import (
	"context"
	"slices"
	"time"
)

const (
	// settle is how long a doubt on a payment that was changed lately is given before
	// it is read for the last time.
	settle = 2 * time.Second
	// longAgo is when a change is so old that nothing of it is on its way: such a
	// doubt is read again in another transaction, without waiting.
	longAgo = time.Hour
	// lead is kept at the end of a call for reading doubts again.
	lead = settle + 1500*time.Millisecond
	// confirmSize is how many doubts are read again at once.
	confirmSize = 500
	// maxRecent bounds those that wait for settle.
	maxRecent = 100_000
	// tail is the least time that reading again needs.
	tail = 250 * time.Millisecond
)

// doubt is an id that looks wrong.
type doubt struct {
	id    int64
	wrong Wrong
	seen  time.Time // when it was read again; zero before
	event bool      // it is captured without a settlement, and no event of its capture was found
}

// doubts are the ids that look wrong and are no exceptions yet.
type doubts struct {
	fresh  []doubt // not read again
	recent []doubt // read again once, changed lately: to be read once more after settle
}

// due reads doubts again when there are enough of them.
func (c *reconciling) due(ctx context.Context) error {
	d := &c.doubts
	if c.q.Snapshot { // reading again would end it
		if len(d.fresh) >= maxRecent {
			c.until = time.Now()
		}
		return nil
	}
	for len(d.fresh) >= confirmSize {
		if err := c.confirm(ctx, &d.fresh); err != nil {
			return err
		}
	}
	if len(d.recent) >= maxRecent {
		if err := c.wait(ctx, time.Until(d.recent[len(d.recent)/2].seen.Add(settle))); err != nil {
			return err
		}
	}
	for len(d.recent) >= confirmSize && time.Since(d.recent[confirmSize-1].seen) >= settle {
		if err := c.confirm(ctx, &d.recent); err != nil {
			return err
		}
	}
	return nil
}

// rest reads the last doubts again, as far as there is time.
func (c *reconciling) rest(ctx context.Context) error {
	d := &c.doubts
	end, bounded := ctx.Deadline()
	late := func(t time.Time) bool { return bounded && t.After(end.Add(-tail)) }
	for len(d.fresh) > 0 && !late(time.Now()) {
		if err := c.confirm(ctx, &d.fresh); err != nil {
			return err
		}
	}
	if n := len(d.recent); n > 0 && !late(d.recent[n-1].seen.Add(settle)) {
		if err := c.wait(ctx, time.Until(d.recent[n-1].seen.Add(settle))); err != nil {
			return err
		}
		for len(d.recent) > 0 && !late(time.Now()) {
			if err := c.confirm(ctx, &d.recent); err != nil {
				return err
			}
		}
	}
	return nil
}

// confirm reads the first of some doubts again. What is as wrong as before stays,
// unless it was changed lately and this was the first time; what is wrong in another
// way is a doubt once more.
func (c *reconciling) confirm(ctx context.Context, from *[]doubt) error {
	some := (*from)[:min(len(*from), confirmSize)]
	before := map[int64]doubt{}
	var ids []int64
	for _, s := range some {
		if _, twice := before[s.id]; !twice {
			ids = append(ids, s.id)
		}
		s.wrong |= before[s.id].wrong
		s.event = s.event || before[s.id].event
		before[s.id] = s
	}
	if err := c.r.renew(ctx); err != nil {
		return err
	}
	found, err := c.whole(ctx, ids)
	if err != nil {
		return err
	}
	other := make([]Wrong, len(found)) // than what was wrong before
	for i := range found {
		e := &found[i]
		if e.Young {
			continue
		}
		e.Wrong = c.q.Judge(&e.Books)
		other[i] = e.Wrong &^ (before[e.ID].wrong | c.told(e.ID))
		if before[e.ID].event {
			if err := c.judgeEvent(ctx, e); err != nil {
				return err
			}
		}
	}
	// Nothing fails from here on: until then all of them were doubts.
	*from = slices.Delete(*from, 0, len(some))
	now, clock := time.Now(), c.r.Now()
	for i, e := range found {
		if !e.Young && e.Wrong == 0 {
			continue
		}
		first := before[e.ID].seen.IsZero()
		delete(before, e.ID)
		switch {
		case e.Young: // it has changed since
			c.out.Young++
		case first && clock.Sub(e.changed()) < longAgo, other[i] != 0:
			c.doubts.recent = append(c.doubts.recent, doubt{e.ID, e.Wrong, now, e.NoEvent})
		default:
			c.keep(e)
		}
	}
	c.out.Settled += int64(len(before))
	return nil
}

// told is what is known to be wrong with an id for certain.
func (c *reconciling) told(id int64) Wrong {
	if i, ok := c.kept[id]; ok {
		return c.out.Exceptions[i].Wrong
	}
	return 0
}

// judgeEvent adds what a payment's books are where the event of its capture is not
// there.
func (c *reconciling) judgeEvent(ctx context.Context, e *Exception) error {
	if e.Orphan || e.Settlements.Succeeded.N() > 0 || !CapturedOnce(e.Status) {
		return nil // it was settled meanwhile
	}
	without, why, err := c.eventless(ctx, *e)
	if err != nil {
		return err
	}
	if why != "" {
		c.out.Unproven++
		c.out.UnprovenWhy, c.out.UnprovenCut = why, c.out.UnprovenCut || why == tooManyWithin
	}
	if e.NoEvent = without; without {
		plain := e.Books
		plain.NoEvent = false
		e.Wrong |= c.q.Judge(&e.Books) &^ c.q.Judge(&plain)
	}
	return nil
}

// changed is when something last happened to a payment, or to postings that have none.
func (e Exception) changed() time.Time {
	last := e.UpdatedAt
	for _, x := range e.Entries {
		if x.At.After(last) {
			last = x.At
		}
	}
	return last
}

// leave has the next run begin before the first doubt that was not read again.
func (c *reconciling) leave() {
	left := slices.Concat(c.doubts.fresh, c.doubts.recent)
	for _, id := range c.unproven { // and whose events there was no time to look for
		left = append(left, doubt{id: id, event: true})
	}
	if len(left) == 0 {
		return
	}
	c.out.Waiting += int64(len(left))
	if len(c.q.Merchants) > 0 { // its mark is a time, which a doubt does not have
		c.out.End = c.out.Begin
		return
	}
	end := &c.out.End
	for _, d := range left {
		if d.id <= c.out.Begin.After { // of those older than the window
			end.OlderLeft, end.Older, end.Done = true, min(d.id-1, end.Older), false
		} else if d.id-1 < end.After {
			end.After, end.Done = d.id-1, false
		}
	}
}

// wait waits outside of a transaction, so that the database need not keep what
// changes meanwhile.
func (c *reconciling) wait(ctx context.Context, d time.Duration) error {
	if err := c.r.exec(ctx, sqlRollback); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// breathe leaves the database alone for as long as a chunk took.
func (c *reconciling) breathe(ctx context.Context, took time.Duration) error {
	if !c.q.Gentle {
		return nil
	}
	if c.q.Snapshot {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(took):
			return nil
		}
	}
	return c.wait(ctx, took)
}
