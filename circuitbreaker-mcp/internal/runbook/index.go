package runbook

import (
	"cmp"
	"math"
	"slices"
)

// How much a term counts by where it stands in a chunk.
const (
	inHeading = 4
	inWords   = 3
	inText    = 1
)

// BM25 as Robertson has it: how soon a term that is said again says nothing more, and
// how much a long chunk has to say it more often than a short one.
const (
	saturation = 1.2  // k1
	byLength   = 0.75 // b
)

// shelf is an index of chunks in memory. There are some hundreds of them: a library
// that indexes millions of documents would be a sixth of the program.
type shelf struct {
	chunks []chunk
	said   map[string][]saying // by term
	length []float64           // of a chunk, in terms
	mean   float64             // of length
}

// saying is how much a chunk says a term.
type saying struct {
	chunk int
	times float64
}

func newShelf(pages []*Page) *shelf {
	s := &shelf{said: map[string][]saying{}}
	for _, p := range pages {
		s.chunks = append(s.chunks, chunks(p)...)
	}
	for i, c := range s.chunks {
		length := 0.0
		for term, times := range c.terms() {
			s.said[term] = append(s.said[term], saying{i, times})
			length += times
		}
		s.length = append(s.length, length)
		s.mean += length / float64(len(s.chunks))
	}
	return s
}

// terms are how much a chunk says each of its terms. It is about what its page is about.
func (c chunk) terms() map[string]float64 {
	said := map[string]float64{}
	head := c.page.Sections[0]
	for _, part := range []struct {
		text  string
		times float64
	}{{c.heading, inHeading}, {c.words, inWords}, {c.page.ID, inText}, {head.Heading, inText}, {head.words, inText}, {c.text, inText}} {
		for _, term := range terms(part.text) {
			said[term] += part.times
		}
	}
	return said
}

// search returns the chunks that match any of the keywords, the best first; of equal
// ones, in the order of the pages. Who matches half of the terms gets half of the score.
func (s *shelf) search(keywords []string, limit int) []chunk {
	asked := distinct(keywords)
	scores, matched := make([]float64, len(s.chunks)), make([]int, len(s.chunks))
	for _, term := range asked {
		n := float64(len(s.said[term]))
		rare := math.Log1p((float64(len(s.chunks)) - n + 0.5) / (n + 0.5))
		for _, of := range s.said[term] {
			long := 1 - byLength + byLength*s.length[of.chunk]/s.mean
			scores[of.chunk] += rare * of.times * (saturation + 1) / (of.times + saturation*long)
			matched[of.chunk]++
		}
	}
	var found []int
	for i := range scores {
		if matched[i] > 0 {
			scores[i] *= float64(matched[i]) / float64(len(asked))
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	var best []chunk
	for _, i := range found[:min(len(found), limit)] {
		best = append(best, s.chunks[i])
	}
	return best
}

// distinct are the terms of keywords, each once.
func distinct(keywords []string) (all []string) {
	for _, k := range keywords {
		all = append(all, terms(k)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
