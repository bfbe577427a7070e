package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

// What of a time may go unseen without a word in the verdict: a restart, or a few
// scrapes. Of a long time it is the part that counts, up to where any outage fits in.
const (
	holeLeast = 2 * time.Minute
	holePart  = 0.05
	holeMost  = 15 * time.Minute
)

// between is a part of a time.
type between struct{ from, to time.Time }

func (b between) length() time.Duration { return b.to.Sub(b.from) }

// HasHoles reports whether there are parts of a time, longer than a restart takes, in
// which no instance was scraped, or one was asked in vain: what happened in them left no
// trace.
func HasHoles(p promql.Past) bool { return len(holes(p)) > 0 || len(downDoubts(p)) > 0 }

// holes are the parts of a time in which no instance was scraped. Before the first
// process started there was nothing to scrape.
func holes(p promql.Past) []between {
	var shared []between
	born, known := time.Time{}, false
	for _, i := range p.Instances {
		if i.Scrapes == 0 {
			continue
		}
		if !known {
			known, shared, born = true, unscraped(p, i), i.Started
			continue
		}
		shared = both(shared, unscraped(p, i))
		if i.Started.Before(born) {
			born = i.Started // zero where one started before the time
		}
	}
	if len(shared) > 0 && shared[0].from.Equal(p.Since) && born.After(p.Since) {
		shared[0].from = born
	}
	return slices.DeleteFunc(shared, func(b between) bool { return b.length() <= holeLeast })
}

// unscraped are the parts of a time in which an instance was not.
func unscraped(p promql.Past, i promql.PastInstance) (all []between) {
	if i.First.After(p.Since) {
		all = append(all, between{p.Since, i.First})
	}
	for _, g := range i.Gaps {
		// What failed from the beginning on is in the first part as well.
		if n := len(all); n > 0 && !g.From.After(all[n-1].to) {
			all[n-1].to = later(all[n-1].to, g.To)
			continue
		}
		all = append(all, between{g.From, g.To})
	}
	return all
}

// both are the parts that are in two lists, each in order.
func both(a, b []between) (all []between) {
	for _, x := range a {
		for _, y := range b {
			part := between{later(x.from, y.from), x.to}
			if y.to.Before(part.to) {
				part.to = y.to
			}
			if part.length() > 0 {
				all = append(all, part)
			}
		}
	}
	return all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// WindowDoubts say of what part of a time nothing is known, where that is more than
// can be passed over.
func WindowDoubts(p promql.Past) []string {
	if !p.Source.OK() {
		return nil
	}
	if hole := holeDoubts(p); len(hole) > 0 {
		return hole // then that one instance was not seen either is no news
	}
	return downDoubts(p)
}

// downDoubts tell of single instances that were asked in vain for longer than a restart
// takes; one that goes on now is told of as what is down. Where nothing was asked, as of
// an instance that was taken away, or that is new and was not ready yet, nothing is doubted.
func downDoubts(p promql.Past) (doubts []string) {
	for _, i := range p.Instances {
		every := cmp.Or(i.Interval, assumedInterval)
		isNew := i.First.Sub(p.Since) > 2*every+holeLeast
		for _, g := range i.Gaps {
			if p.Live && g.To.Equal(p.Until) || isNew && g.From.Equal(p.Since) {
				continue
			}
			if time.Duration(g.Failed)*every > holeLeast {
				doubts = append(doubts, fmt.Sprintf("ingest %s could not be scraped %s-%s (%d scrapes failed): down, or it hung", Name(i.Name.String()), moment(p, g.From), moment(p, g.To), g.Failed))
			}
		}
	}
	return few(doubts, maxNames, "more times")
}

// holeDoubts say when no instance was scraped.
func holeDoubts(p promql.Past) []string {
	length, unseen := p.Until.Sub(p.Since), time.Duration(0)
	var parts []string
	for _, b := range holes(p) {
		unseen += b.length()
		parts = append(parts, moment(p, b.from)+"-"+moment(p, b.to))
	}
	if unseen <= min(max(holeLeast, time.Duration(holePart*float64(length))), holeMost) {
		return nil
	}
	return []string{fmt.Sprintf("no instance was scraped %s (%s of %s): what happened then is not known", strings.Join(few(parts, maxNames, "more times"), ", "), short(unseen), short(length))}
}

// moment writes a time within a past, with the day where that is not clear.
func moment(p promql.Past, at time.Time) string {
	at = at.In(p.Since.Location())
	if p.Until.Sub(p.Since) >= 12*time.Hour {
		return at.Format("2006-01-02 15:04:05")
	}
	return at.Format(time.TimeOnly)
}
