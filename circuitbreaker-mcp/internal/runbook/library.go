package runbook

import (
	"context"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/fault"
)

// Library is the pages that are built in and those of the team's directory. It
// reads and indexes nothing before it is asked.
type Library struct {
	dir  string        // empty for none
	wait time.Duration // how long dir may take
	hold chan struct{} // held while the rest is used

	own   []*Page
	team  team
	shelf *shelf      // of own and team; nil when one of them changed, and when nobody searched for long
	rest  *time.Timer // runs since the last search
}

// keep is how long the index stays without a search. That of our own pages takes
// 0.6 MB, and making it anew 30 ms: a server is idle for most of its life.
const keep = 2 * time.Minute

// New returns a library; dir may be empty. It opens nothing. The team's directory
// may take as long as wait: it may lie on a network that hangs, and the pages built
// in are there all the same.
func New(dir string, wait time.Duration) *Library {
	return &Library{dir: dir, wait: wait, hold: make(chan struct{}, 1)}
}

// Hit is a chunk that a search found.
type Hit struct {
	ID     string // of its first section
	Text   string // markdown below the heading of its first section
	Team   bool
	Before string // the section before it on its page, empty for none
	After  string // the section behind it, empty for none
}

// Head is the beginning of a hit, of at most limit bytes: whole lines, where they
// are not too long, and no block of code that is left open.
func (h Hit) Head(limit int) string {
	if len(h.Text) <= limit {
		return h.Text
	}
	end, at, fence := 0, 0, false
	for line := range strings.Lines(h.Text) {
		if at += len(line); at > limit {
			break
		}
		if fenceOf(strings.TrimRight(line, "\n")) != "" {
			fence = !fence
		}
		if !fence {
			end = at
		}
	}
	if end < limit/4 { // one long line, or one long block
		return strings.ToValidUTF8(h.Text[:limit], "")
	}
	return strings.TrimSpace(h.Text[:end])
}

// Look is what asking the library came to.
type Look struct {
	Sources []fault.Source // the pages built in, and the team's directory if there is one
	Left    []string       // files of the team that were not taken, and why
	Pages   []string       // the names of all pages, ours first
	Chunks  int            // that were searched
}

// Search returns the chunks that match any of the keywords best, the best first.
func (l *Library) Search(ctx context.Context, keywords []string, limit int) ([]Hit, Look, error) {
	release, look, err := l.open(ctx)
	if err != nil {
		return nil, look, err
	}
	defer release()
	if l.shelf == nil {
		l.shelf = newShelf(slices.Concat(l.own, l.team.pages))
	}
	if l.rest == nil {
		l.rest = time.AfterFunc(keep, l.forget)
	} else {
		l.rest.Reset(keep)
	}
	look.Chunks = len(l.shelf.chunks)
	var hits []Hit
	for _, c := range l.shelf.search(keywords, limit) {
		hits = append(hits, c.hit())
	}
	return hits, look, nil
}

// forget lets go of the index. It waits for nobody: who has hold of the library
// uses it just now, or will let the timer run again.
func (l *Library) forget() {
	select {
	case l.hold <- struct{}{}:
	default:
		return
	}
	defer func() { <-l.hold }()
	l.shelf = nil
}

// Page returns a page by its name.
func (l *Library) Page(ctx context.Context, id string) (Page, bool, Look, error) {
	release, look, err := l.open(ctx)
	if err != nil {
		return Page{}, false, look, err
	}
	defer release()
	for _, p := range slices.Concat(l.own, l.team.pages) {
		if p.ID == id {
			return *p, true, look, nil
		}
	}
	return Page{}, false, look, nil
}

// open takes hold of the library and reads what changed.
func (l *Library) open(ctx context.Context) (release func(), look Look, err error) {
	select {
	case l.hold <- struct{}{}:
	case <-ctx.Done():
		return nil, look, ctx.Err()
	}
	start := time.Now()
	if l.own == nil {
		for _, id := range BuiltIn() {
			p, _ := builtIn(id)
			l.own = append(l.own, &p)
		}
	}
	look.Sources = []fault.Source{{Name: "runbooks", Took: time.Since(start)}}
	if l.dir != "" {
		changed, source := l.team.read(ctx, l.dir, l.wait)
		look.Sources = append(look.Sources, source)
		look.Left = l.team.left
		if changed {
			l.shelf = nil
		}
	}
	for _, p := range slices.Concat(l.own, l.team.pages) {
		look.Pages = append(look.Pages, p.ID)
	}
	return func() { <-l.hold }, look, nil
}

// hit is a chunk with its neighbours.
func (c chunk) hit() Hit {
	h := Hit{ID: c.page.SectionID(c.first), Text: c.text, Team: c.page.Team}
	if c.first > 0 && (c.page.Sections[c.first-1].Text != "" || c.first > 1) {
		h.Before = c.page.SectionID(c.first - 1)
	}
	if c.last+1 < len(c.page.Sections) {
		h.After = c.page.SectionID(c.last + 1)
	}
	return h
}
