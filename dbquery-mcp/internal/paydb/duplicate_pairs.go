package paydb

import (
	"cmp"
	"hash/maphash"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"payops-mcp/shared/foreign"
)

// maxHeld bounds the payments of a merchant that are held to be compared with those
// of the ten seconds after them.
const maxHeld = 10_000

type amountKey struct{ amount, currency string }

// amountSeen is what was seen of an amount.
type amountSeen struct {
	count  int
	lately int     // in the last ten seconds
	open   []tried // of those the open ones, oldest first
	rare   []Pair  // as long as it is rare
}

// recent is a payment of the last ten seconds.
type recent struct {
	*Payment
	of *amountSeen
}

// tried is a payment with what its key is compared by.
type tried struct {
	*Payment
	bare string
	root uint64 // hash of the key's root
}

// open are the statuses of a payment that has been, or will be, paid and not given
// back: after a failure the customer pays again with good reason.
var open = []foreign.Text{"READY", "REQUESTED", "AUTHORIZED", "CAPTURE_REQUESTED", "CAPTURED", "COMPLETED"}

func (m *merchantWalk) count(p *Payment) {
	k := amountKey{p.Amount, string(p.Currency)}
	seen := m.amounts[k]
	if seen == nil {
		seen = &amountSeen{}
		m.amounts[k] = seen
	}
	m.crowd(seen, p)
	if seen.count++; seen.count > rareAmount {
		seen.rare = nil
	}
	if slices.Contains(open, p.Status) {
		m.compare(seen, p)
	}
}

// crowd counts the payments of other amounts that came just before.
func (m *merchantWalk) crowd(seen *amountSeen, p *Payment) {
	for len(m.lately) > 0 && p.RequestedAt.Sub(m.lately[0].RequestedAt) > maxGap {
		m.leave()
	}
	if len(m.lately) == maxHeld {
		m.leave()
		m.crowded = true
	}
	m.near += int64(len(m.lately) - seen.lately)
	m.lately = append(m.lately, recent{p, seen})
	seen.lately++
}

// leave lets go of the oldest payment that is held.
func (m *merchantWalk) leave() {
	gone := m.lately[0]
	m.lately[0] = recent{} // what is cut off an array stays in it
	m.lately = m.lately[1:]
	gone.of.lately--
	if held := gone.of.open; len(held) > 0 && held[0].Payment == gone.Payment {
		held[0] = tried{}
		gone.of.open = held[1:]
	}
	if len(gone.of.open) == 0 {
		gone.of.open = nil
	}
}

// compare pairs a payment with those of its amount in the ten seconds before it: with
// each whose key is alike, and with the last as long as the amount is rare.
func (m *merchantWalk) compare(seen *amountSeen, p *Payment) {
	now := tryOf(p)
	for i, before := range seen.open {
		alike := before.root == now.root && before.like(now)
		if !alike && (i < len(seen.open)-1 || seen.count > rareAmount) {
			continue
		}
		pair := Pair{A: *before.Payment, B: *p, Gap: p.RequestedAt.Sub(before.RequestedAt), Similar: alike}
		if alike {
			m.alikeCut = keep(&m.alike, maxSuspects, pair) || m.alikeCut
		} else {
			seen.rare = append(seen.rare, pair)
		}
	}
	seen.open = append(seen.open, now)
}

// crowding is how many more payments of different amounts, which are no mistake,
// lie within ten seconds than if the merchant's payments came evenly; at least 1.
// A sale, or a merchant who began to sell an hour ago, crowds them. Half a pair
// more on both sides keeps one pair of a quiet merchant from counting for much.
func (m *merchantWalk) crowding(span time.Duration) float64 {
	evenly := float64(m.payments*(m.payments-1)) * float64(maxGap) / float64(span)
	return max(1, (float64(m.near)+0.5)/(evenly+0.5))
}

// pairUp puts the pairs of all rare amounts together, and reckons how many chance makes.
func (m *merchantWalk) pairUp() {
	span := m.last.Sub(m.first)
	if w := *m.walk.window; w.Bounded() {
		until := cmp.Or(w.Until, w.Clock)
		span = until.Sub(w.Since)
	}
	for _, seen := range m.amounts {
		if seen.count <= rareAmount && span > 0 {
			m.byChance += m.crowding(span) * float64(seen.count*(seen.count-1)) * float64(maxGap) / float64(span)
		}
		m.rare = append(m.rare, seen.rare...)
	}
	m.amounts, m.lately = nil, nil
}

// draw is the lot of a pair: as good as random, and the same in every call.
func (p Pair) draw() uint64 { return rand.NewPCG(uint64(p.A.ID), uint64(p.B.ID)).Uint64() }

// drawn are as many pairs as may be kept, drawn by lot out of all.
func drawn(pairs []Pair) []Pair {
	slices.SortFunc(pairs, func(a, b Pair) int { return cmp.Compare(a.draw(), b.draw()) })
	return first(maxSuspects, pairs)
}

// tryWords are what a client puts behind a key when it tries an order again.
const tryWords = "v|n|no|try|retry|re|again|dup|copy|attempt"

var (
	// suffix is what a client appends when it tries an order again under another key.
	suffix   = regexp.MustCompile(`(?i)^[-_.:/#~+ ]+(?:` + tryWords + `)?[-_.:#]?[0-9]{0,2}$`)
	tries    = strings.Split(tryWords, "|")
	rootSeed = maphash.MakeSeed()
)

// similarKeys reports whether two keys look like two tries of one order: equal but
// for case and for which signs stand between the words, or the one is the other
// with a number or a word for trying again behind it.
func similarKeys(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < 4 {
		return false
	}
	if bare(a) == bare(b) {
		return true
	}
	rest, ok := strings.CutPrefix(strings.ToLower(b), strings.ToLower(a))
	return ok && suffix.MatchString(rest)
}

// bare is a key in small letters, with one sign for all that stand between words.
func bare(key string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', '_', '.', ':', '/', '#', '~', '+', ' ':
			return '-'
		}
		return unicode.ToLower(r)
	}, key)
}

// root is a bare key without all that may have been put behind it: similar keys have
// the same.
func root(bare string) string {
	for {
		i := strings.LastIndexByte(bare, '-')
		if i < 0 || !putBehind(bare[i+1:]) {
			return bare
		}
		bare = bare[:i]
	}
}

// putBehind reports whether a part of a bare key may be of a suffix: a word for
// trying again, up to two digits, both or nothing.
func putBehind(part string) bool {
	for range 2 {
		if n := len(part); n > 0 && part[n-1] >= '0' && part[n-1] <= '9' {
			part = part[:n-1]
		}
	}
	return part == "" || slices.Contains(tries, part)
}

func tryOf(p *Payment) tried {
	b := bare(string(p.Key))
	return tried{p, b, maphash.String(rootSeed, root(b))}
}

// like is similarKeys for payments, which mostly costs nothing: most keys begin
// differently.
func (t tried) like(other tried) bool {
	return (strings.HasPrefix(t.bare, other.bare) || strings.HasPrefix(other.bare, t.bare)) && similarKeys(string(t.Key), string(other.Key))
}
