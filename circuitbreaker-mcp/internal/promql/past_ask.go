package promql

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// pastAnswers is what came back, as it came.
type pastAnswers struct {
	answers
	made, breakers, before, traffic, clients, lines []series
}

// Past asks for a time. It returns when all is answered or ctx ends; what was not
// answered is in the Source.
func (c *Client) Past(ctx context.Context, s Span) Past {
	start := time.Now()
	a := pastAnswers{}
	clients := clientsQuery
	if !s.Live {
		clients += poolsOverQuery
	}
	a.asked = c.asked(s.fill(madeQuery))
	vector := func(into *[]series, expr string) func() {
		return func() { *into = c.samples(ctx, &a.answers, s.fill(expr), s.Until) }
	}
	asks := []func(){
		func() { a.made = c.scrapes(ctx, &a.answers, s.fill(madeQuery), s.Until) },
		vector(&a.breakers, breakersQuery),
		vector(&a.traffic, trafficQuery),
		vector(&a.clients, clients),
		func() { a.lines = c.lines(ctx, &a, s) },
	}
	if s.Before {
		asks = append(asks, vector(&a.before, callsBeforeQuery))
	}
	fault.Together(asks...)

	p := Past{Span: s, At: s.Until, Step: s.step()}
	instances := a.pastInstances(s)
	c.recallAll(ctx, &a, s, instances)
	for _, name := range slices.Sorted(maps.Keys(instances)) {
		p.Instances = append(p.Instances, instances[name].facts())
	}
	p.HTTP, p.Errors = a.http(s), a.errors()
	c.refusals(ctx, &a, s, p.Errors)
	p.Pools, p.Starts = a.pools(), a.starts()
	p.Lines = linesOf(a.lines, s)
	p.Source = fault.Source{Name: c.name, Asked: a.asked, Took: time.Since(start), Err: a.failure}
	return p
}

// lines asks for the lines, each point of which tells of the step before it.
func (c *Client) lines(ctx context.Context, a *pastAnswers, s Span) []series {
	step := s.step()
	n := int(s.Until.Sub(s.Since) / step)
	if n == 0 {
		return nil
	}
	expr := s.fill(linesQuery)
	all, err := c.ranged(ctx, expr, s.Until.Add(-time.Duration(n-1)*step), s.Until, step)
	if err != nil {
		a.fail(err, c.asked(expr))
	}
	return all
}

// pastInstance gathers what the answers say of one instance.
type pastInstance struct {
	PastInstance
	breakers map[string]*pastBreaker
}

type pastBreaker struct {
	PastBreaker
	changes float64
	ever    []string // states
}

func (a *pastAnswers) pastInstances(s Span) map[string]*pastInstance {
	all := map[string]*pastInstance{}
	of := func(name string) *pastInstance {
		i := all[name]
		if i == nil {
			i = &pastInstance{PastInstance: PastInstance{Name: foreign.Text(name)}, breakers: map[string]*pastBreaker{}}
			all[name] = i
		}
		return i
	}
	for _, made := range a.made {
		of(made.get("instance")).scraped(made.points, s)
	}
	for _, x := range a.breakers {
		if x.get(factLabel) != "start" {
			of(x.get("instance")).fact(x)
		} else if i := all[x.get("instance")]; i != nil && x.get("job") == job {
			i.Started = seconds(x.value())
		}
	}
	for _, x := range a.before {
		if x.get(factLabel) == "failed_before" {
			of(x.get("instance")).fact(x)
		}
	}
	return all
}

// scraped takes the scrapes of an instance, of which some may be missing.
func (i *pastInstance) scraped(points []point, s Span) {
	if len(points) == 0 {
		return
	}
	i.Interval = gap(points)
	i.Scrapes, i.First, i.Last = len(points), points[0].time(), points[len(points)-1].time()
	longest := cmp.Or(i.Interval, s.Interval)*5/2 + time.Second
	good, failed := s.Since, 0
	for n, p := range points {
		// The time begins at any moment between two scrapes, so before the first
		// of them nothing is missing yet.
		if p.value == 1 {
			if failed > 0 || p.time().Sub(good) > longest && n > 0 {
				i.Gaps = append(i.Gaps, Gap{good, p.time(), failed})
			}
			good, failed = p.time(), 0
			continue
		}
		i.Failed++
		failed++
	}
	if failed > 0 || s.Until.Sub(good) > longest {
		i.Gaps = append(i.Gaps, Gap{good, s.Until, failed})
	}
}

func (i *pastInstance) fact(x series) {
	name, v := x.get("name"), x.value()
	if name == "" {
		return
	}
	b := i.breakers[name]
	if b == nil {
		b = &pastBreaker{PastBreaker: PastBreaker{Name: foreign.Text(name)}}
		i.breakers[name] = b
	}
	switch fact, kind := x.get(factLabel), x.get("kind"); {
	case fact == "changes":
		b.changes = v
	case fact == "ever":
		b.ever = append(b.ever, strings.ToUpper(x.get("state")))
	case fact == "samples":
		b.Samples = int(v)
	case fact == "calls" && kind == "successful":
		b.Successful = finite(v)
	case fact == "calls" && kind == "failed":
		b.Failed = finite(v)
	case fact == "calls" && kind == "not_permitted":
		b.NotPermitted = finite(v)
	case fact == "mean":
		b.MeanCall = finite(v)
	case fact == "failure_rate":
		b.FailureRate = rate(v)
	case fact == "slow_rate":
		b.SlowCallRate = rate(v)
	case fact == "failed_before":
		b.FailedBefore = finite(v)
	}
}

func (i *pastInstance) facts() PastInstance {
	for _, name := range slices.Sorted(maps.Keys(i.breakers)) {
		if b := i.breakers[name]; b.Samples > 0 || len(b.ever) > 0 {
			i.Breakers = append(i.Breakers, b.PastBreaker)
		}
	}
	return i.PastInstance
}

// recallAll finds out how breakers went from state to state. Those that had but
// one state all the time are known already: a day of samples is much to read.
func (c *Client) recallAll(ctx context.Context, a *pastAnswers, s Span, instances map[string]*pastInstance) {
	var names, breakers, had []string
	changed := map[key]*pastBreaker{}
	for label, i := range instances {
		for name, b := range i.breakers {
			if b.changes == 0 && len(b.ever) == 1 {
				b.Stays = []Stay{{State: b.ever[0], First: i.First, Last: lastGood(i, s)}}
				continue
			}
			changed[key{label, name}] = b
			names, breakers = append(names, label), append(breakers, name)
			for _, state := range b.ever {
				had = append(had, strings.ToLower(state))
			}
		}
	}
	if len(changed) == 0 || len(had) == 0 || a.failure != nil {
		return
	}
	var states, failed []series
	fault.Together(
		func() {
			states = c.scrapes(ctx, &a.answers, s.fill(fmt.Sprintf(statesQuery, anyOf(names), anyOf(breakers), anyOf(had))), s.Until)
		},
		func() {
			failed = c.scrapes(ctx, &a.answers, s.fill(fmt.Sprintf(failedQuery, anyOf(names), anyOf(breakers))), s.Until)
		},
	)
	for k, stays := range staysOf(states) {
		if b := changed[k]; b != nil {
			for _, st := range stays {
				b.Stays = append(b.Stays, Stay{st.state, st.first, st.last})
			}
		}
	}
	for _, x := range failed {
		b := changed[keyOf(x)]
		if b == nil {
			continue
		}
		for n := 1; n < len(x.points); n++ {
			if more := x.points[n].value - x.points[n-1].value; more > 0 { // less is a restart
				b.Failures = append(b.Failures, Failures{x.points[n].time(), more})
			}
		}
	}
}

// lastGood is the last scrape of an instance that worked.
func lastGood(i *pastInstance, s Span) time.Time {
	if n := len(i.Gaps); n > 0 && i.Gaps[n-1].To.Equal(s.Until) {
		return i.Gaps[n-1].From
	}
	return i.Last
}
