package runbook

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/lang/cjk"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	"github.com/blevesearch/bleve/v2/analysis/token/porter"
	"github.com/blevesearch/bleve/v2/analysis/token/stop"
	words "github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
)

// newAnalyzer makes terms of text: English words by their stems, Korean ones as
// pairs of syllables, so that what is glued to a word does not hide it, names like
// lock_until whole and by their parts.
func newAnalyzer() (analysis.Analyzer, error) {
	english := analysis.NewTokenMap()
	if err := english.LoadBytes(en.EnglishStopWords); err != nil {
		return nil, err
	}
	return &analysis.DefaultAnalyzer{
		Tokenizer: words.NewUnicodeTokenizer(),
		TokenFilters: []analysis.TokenFilter{
			cjk.NewCJKWidthFilter(), lowercase.NewLowerCaseFilter(), split{}, stop.NewStopTokensFilter(english),
			cjk.NewCJKBigramFilter(false), porter.NewPorterStemmer(),
		},
	}, nil
}

// split takes words apart that the tokenizer leaves whole: at the border of Hangul
// and other letters (Kafka가), and names at their underscores and dots, beside the
// name itself. Hangul goes on as ideographic, which is what the library's filter
// makes pairs of; it would leave Korean words whole by itself.
type split struct{}

// particles are what is glued to a noun.
const particles = "은는이가을를에의도로와과만"

// Filter implements analysis.TokenFilter.
func (split) Filter(in analysis.TokenStream) analysis.TokenStream {
	out := make(analysis.TokenStream, 0, len(in))
	for _, t := range in {
		for start := 0; start < len(t.Term); {
			end, hangul := run(t.Term, start)
			part := *t
			part.Term, part.Start, part.End = t.Term[start:end], t.Start+start, t.Start+end
			start = end
			if hangul {
				part.Type = analysis.Ideographic
				out = append(out, &part)
				out = append(out, withoutParticle(part)...)
				continue
			}
			out = append(out, &part)
			for _, piece := range bytes.FieldsFunc(part.Term, func(r rune) bool { return r == '_' || r == '.' || r == ':' }) {
				if len(piece) < len(part.Term) {
					one := part
					one.Term = piece
					out = append(out, &one)
				}
			}
		}
	}
	return out
}

// run returns the end of the letters at start that are all Hangul, or all not.
func run(term []byte, start int) (end int, hangul bool) {
	for i := start; i < len(term); {
		r, size := utf8.DecodeRune(term[i:])
		is := unicode.Is(unicode.Hangul, r)
		if i == start {
			hangul = is
		} else if is != hangul {
			return i, hangul
		}
		i += size
	}
	return len(term), hangul
}

// withoutParticle is a noun of one syllable by itself, for a pair of it and its
// particle finds nothing; longer ones are found by their other pairs.
func withoutParticle(t analysis.Token) []*analysis.Token {
	if utf8.RuneCount(t.Term) != 2 {
		return nil
	}
	_, size := utf8.DecodeRune(t.Term)
	if !strings.Contains(particles, string(t.Term[size:])) {
		return nil
	}
	t.Term, t.End = t.Term[:size], t.Start+size
	return []*analysis.Token{&t}
}
