package runbook

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/index/upsidedown"
	"github.com/blevesearch/bleve/v2/index/upsidedown/store/gtreap"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/collector"
	"github.com/blevesearch/bleve/v2/search/searcher"
	index "github.com/blevesearch/bleve_index_api"
)

// field is the one field of a chunk: what counts more stands in it more often.
const field = "text"

// How often parts of a chunk are said to the index.
const (
	timesHeading = 4
	timesWords   = 3
)

// shelf is an index of chunks in memory, by bleve's parts: its analysis, its index
// in memory, its BM25. The package bleve itself would add a second kind of index
// that is made for files, 8 MB of it, and 2 ms to every start of the server.
type shelf struct {
	chunks   []chunk
	index    index.Index
	queue    *index.AnalysisQueue
	analyzer analysis.Analyzer
	terms    int // of all chunks together
}

func newShelf(pages []*Page) (*shelf, error) {
	analyzer, err := newAnalyzer()
	if err != nil {
		return nil, fmt.Errorf("make the analyzer: %w", err)
	}
	s := &shelf{analyzer: analyzer, queue: index.NewAnalysisQueue(1)}
	if s.index, err = upsidedown.NewUpsideDownCouch(gtreap.Name, map[string]any{"path": ""}, s.queue); err != nil {
		return nil, fmt.Errorf("make the index: %w", err)
	}
	if err := s.index.Open(); err != nil {
		return nil, fmt.Errorf("open the index: %w", err)
	}
	batch := index.NewBatch()
	for _, p := range pages {
		s.chunks = append(s.chunks, chunks(p)...)
	}
	texts := make([]*document.TextField, len(s.chunks))
	for i, c := range s.chunks {
		texts[i] = document.NewTextFieldCustom(field, nil, []byte(c.said()), index.IndexField, analyzer)
		d := document.NewDocument(strconv.Itoa(i))
		d.AddField(texts[i])
		batch.Update(d)
	}
	if err := s.index.Batch(batch); err != nil {
		return nil, fmt.Errorf("fill the index: %w", err)
	}
	for _, t := range texts {
		s.terms += t.AnalyzedLength()
	}
	return s, nil
}

// said is what the index gets to know of a chunk.
func (c chunk) said() string {
	var b strings.Builder
	for range timesHeading {
		b.WriteString(c.heading + "\n")
	}
	for range timesWords {
		b.WriteString(c.words + "\n")
	}
	head := c.page.Sections[0]
	b.WriteString(c.page.ID + "\n" + head.Heading + "\n" + head.words + "\n" + c.text)
	return b.String()
}

func (s *shelf) close() error {
	s.queue.Close()
	return s.index.Close()
}

// search returns the chunks that match any of the keywords, the best first.
func (s *shelf) search(ctx context.Context, keywords []string, limit int) ([]chunk, error) {
	model := search.GetScoringModelCallbackFn(func() string { return index.BM25Scoring })
	ctx = context.WithValue(ctx, search.GetScoringModelCallbackKey, model)
	ctx = context.WithValue(ctx, search.BM25StatsKey, &search.BM25Stats{
		DocCount: float64(len(s.chunks)), FieldCardinality: map[string]int{field: s.terms},
	})
	reader, err := s.index.Reader()
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	defer reader.Close()
	options := search.SearcherOptions{}
	var terms []search.Searcher
	for term := range s.distinct(keywords) {
		one, err := searcher.NewTermSearcher(ctx, reader, term, field, 1, options)
		if err != nil {
			return nil, fmt.Errorf("look for %q: %w", term, err)
		}
		terms = append(terms, one)
	}
	if len(terms) == 0 {
		return nil, nil
	}
	either, err := searcher.NewDisjunctionSearcher(ctx, reader, terms, 1, options)
	if err != nil {
		return nil, fmt.Errorf("look for %d terms: %w", len(terms), err)
	}
	defer either.Close()
	// Equal scores keep the order of the pages.
	top := collector.NewTopNCollector(limit, 0, search.SortOrder{&search.SortScore{Desc: true}, &search.SortDocID{}})
	if err := top.Collect(ctx, either, reader); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	var found []chunk
	for _, hit := range top.Results() {
		i, err := strconv.Atoi(hit.ID)
		if err != nil || i >= len(s.chunks) {
			return nil, fmt.Errorf("the index knows a chunk %q", hit.ID)
		}
		found = append(found, s.chunks[i])
	}
	return found, nil
}

// distinct are the terms of keywords, each once.
func (s *shelf) distinct(keywords []string) map[string]struct{} {
	terms := map[string]struct{}{}
	for _, k := range keywords {
		for _, t := range s.analyzer.Analyze([]byte(k)) {
			terms[string(t.Term)] = struct{}{}
		}
	}
	return terms
}
