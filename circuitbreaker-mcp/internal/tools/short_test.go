package tools

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// Whatever fails at the same time, an answer that nobody asked more of stays short,
// has every finding, and says what it left out.
func TestAnAnswerIsShortWhateverItTells(t *testing.T) {
	t.Parallel()
	codes := []catalog.Code{catalog.KafkaBrokersUnreachable, catalog.DBPoolExhausted, catalog.PGAuthBreakerOpen, catalog.Ingest5xxSpike, catalog.Ingest409Spike,
		catalog.IngestLatencyHigh, catalog.CBOpen, catalog.CBHalfOpenFlapping, catalog.SrcPromStale, catalog.CBInstanceDivergence}
	for _, findings := range []int{0, 1, 4, len(codes)} {
		t.Run(fmt.Sprint(findings), func(t *testing.T) {
			a := report.Answer[PatternData]{Summary: strings.Repeat("summary ", 20), Because: strings.Repeat("doubt ", 20), AsOf: time.Now()}
			for _, c := range codes[:findings] {
				f := report.NewFinding(c, strings.Repeat("claim ", 22)).Hurts(strings.Repeat("hurt ", 16))
				for range 4 {
					f = f.With("prometheus", strings.Repeat("asked ", 12), strings.Repeat("value ", 12), time.Now()).Then(strings.Repeat("step ", 18))
				}
				a.Findings = append(a.Findings, f)
			}
			for n := range 12 {
				a.Data.Lines = append(a.Data.Lines, LineRow{fmt.Sprint("line ", n), 1, "1", strings.Repeat("-", sparks)})
				a.Data.Routes = append(a.Data.Routes, RouteRow{Route: "/payments/authorize", Requests: int64(n), Statuses: "200 90%, 409 10%"})
				a.Data.Errors = append(a.Data.Errors, ErrorRow{"ingest-service", "sends failed", "TimeoutException", int64(20 - n), 0})
				a.Data.Notes = append(a.Data.Notes, strings.Repeat("note ", 18))
				a.Data.Breakers = append(a.Data.Breakers, PatternRow{Breaker: "kafka-publisher", On: "1 of 12", States: strings.Repeat("-", sparks), Opened: n})
				a.Data.Transitions = append(a.Data.Transitions, TransitionRow{At: time.Now(), Exact: "-15s", Breaker: "kafka-publisher", On: "1 of 12", Change: "CLOSED -> OPEN"})
			}
			a.Conclude(catalog.IngestDown, catalog.CBForcedOpen)
			report.Shorten(&a, patternParts(&a, 12)...)
			text, _ := a.Render(math.MaxInt)
			if len(text) > report.ShortText {
				t.Errorf("%d bytes:\n%s", len(text), text)
			}
			if len(a.Findings) != findings || !strings.Contains(text, "left out to be short: lines") {
				t.Errorf("%d findings of %d, or not told what is left out:\n%s", len(a.Findings), findings, text)
			}
			if findings > 0 && (len(a.Findings[0].Evidence) == 0 || len(a.Findings[0].Next) == 0) {
				t.Errorf("the first finding says too little:\n%s", text)
			}
			if n := len(a.Data.Breakers); n > 0 && a.Data.Breakers[n-1].Opened != 11 {
				t.Errorf("the breaker that opened most often is left out:\n%s", text)
			}
		})
	}
}

func TestWhatIsShortStaysWhole(t *testing.T) {
	t.Parallel()
	a := report.Answer[PatternData]{Summary: "short", Data: PatternData{Lines: []LineRow{{"requests/s", 1, "1", "steady"}}, Notes: []string{"a note"}}}
	a.Conclude(catalog.IngestDown)
	report.Shorten(&a, patternParts(&a, 0)...)
	if len(a.Data.Lines) != 1 || len(a.Data.Notes) != 1 || len(a.RuledOut) != 1 || len(a.Coverage.Not) > 0 {
		t.Errorf("%+v", a)
	}
}

// What is well goes before what is not.
func TestWhatIsWellIsLeftOutFirst(t *testing.T) {
	t.Parallel()
	closed, open := "CLOSED", "OPEN"
	a := report.Answer[StatusData]{Summary: "many"}
	for n := range 60 {
		row := BreakerRow{Breaker: diagnose.KafkaPublisher, State: &closed, Source: "api", SinceNote: strings.Repeat("x", 40)}
		if n == 20 {
			row.State = &open
		}
		a.Data.Breakers = append(a.Data.Breakers, row)
	}
	report.Shorten(&a, statusParts(&a)...)
	text, _ := a.Render(math.MaxInt)
	if len(text) > report.ShortText || !strings.Contains(text, "| OPEN |") || !strings.Contains(text, "left out to be short: breakers of some instances") {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
}

// Letters that do not fit come with the next page.
func TestLettersThatDoNotFitAreOnTheNextPage(t *testing.T) {
	t.Parallel()
	var a report.Answer[DeadLettersData]
	for _, c := range []catalog.Code{catalog.DLQPoisonMessage, catalog.DLQGrowing} {
		f := report.NewFinding(c, strings.Repeat("claim ", 20)).Hurts(strings.Repeat("hurt ", 12))
		for range 3 {
			f = f.With("kafka", strings.Repeat("asked ", 12), strings.Repeat("value ", 8), time.Now()).Then(strings.Repeat("step ", 14))
		}
		a.Findings = append(a.Findings, f)
	}
	var listed []broker.Letter
	for n := range 5 {
		l := broker.Letter{At: time.UnixMilli(int64(5 - n)), Topic: "settlement.dlq", Offset: int64(n), Payload: strings.Repeat("x", 2*payloadShown), ErrorType: "MismatchedInputException", ErrorMessage: strings.Repeat("m", 90)}
		listed, a.Data.Letters = append(listed, l), append(a.Data.Letters, letterRow(l))
		a.Data.Groups = append(a.Data.Groups, DeadGroupRow{Count: 1, Topic: "settlement.dlq", Error: foreign.Text(l.ErrorType)})
	}
	a.Conclude(catalog.KafkaTopicMissing)
	report.Shorten(&a, deadParts(&a, listed)...)
	text, _ := a.Render(math.MaxInt)
	n := len(a.Data.Letters)
	if len(text) > report.ShortText || n == 0 || n == 5 || len(a.Findings) != 2 {
		t.Fatalf("%d bytes, %d letters:\n%s", len(text), n, text)
	}
	next, err := parseMark(a.Coverage.Cursor)
	if err != nil || next != markOf(listed[n-1]) || !next.before(listed[n]) || !a.Coverage.Cut {
		t.Errorf("%d letters, then %q: %v", n, a.Coverage.Cursor, err)
	}
}
