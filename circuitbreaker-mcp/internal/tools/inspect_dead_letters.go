package tools

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/when"
)

// DeadLettersIn are the arguments of inspect_dead_letters.
type DeadLettersIn struct {
	Topic  string `json:"topic,omitempty" jsonschema:"one dead-letter topic, e.g. payment.dlq; default all" min:"1" max:"249"`
	Since  string `json:"since,omitempty" jsonschema:"none older: RFC 3339, a date, 14:00, 30m ago" min:"1" max:"100"`
	Limit  int    `json:"limit,omitempty" jsonschema:"letters to list, newest first" default:"5" min:"1" max:"200"`
	Cursor string `json:"cursor,omitempty" jsonschema:"from the answer before, for the next ones" max:"400"`
}

// DeadLettersData is what inspect_dead_letters answers.
type DeadLettersData struct {
	Topics  []DeadTopicRow `json:"topics,omitempty"`
	Groups  []DeadGroupRow `json:"groups,omitempty"`
	Letters []LetterRow    `json:"letters,omitempty"`
}

// DeadTopicRow is one dead-letter topic.
type DeadTopicRow struct {
	Topic  foreign.Text `json:"topic"`
	Depth  *int64       `json:"depth"`
	New    *int64       `json:"new_15m"`
	Newest *time.Time   `json:"newest"`
	Note   string       `json:"note,omitempty"`
}

// DeadGroupRow are letters with the same error and origin.
type DeadGroupRow struct {
	Count    int            `json:"count"`
	Topic    foreign.Text   `json:"topic"`
	Error    foreign.Text   `json:"error"`
	Code     foreign.Text   `json:"pg_code,omitempty"`
	Origin   foreign.Text   `json:"origin,omitempty"`
	Oldest   time.Time      `json:"oldest"`
	Newest   time.Time      `json:"newest"`
	Payments []foreign.Text `json:"payments,omitempty"`
}

// LetterRow is one dead letter. Payload is a head of it, with card numbers masked.
type LetterRow struct {
	At      time.Time    `json:"at"`
	Record  foreign.Text `json:"record"` // topic/partition@offset
	Of      foreign.Text `json:"of,omitempty"`
	Error   foreign.Text `json:"error"`
	Payment foreign.Text `json:"payment,omitempty"`
	Amount  foreign.Text `json:"amount,omitempty"`
	Retries foreign.Text `json:"retries,omitempty"`
	Payload foreign.Text `json:"payload"`
	Bytes   int          `json:"bytes"`
}

const (
	// deadLettersShown is the default of limit: where nobody asks for more, the answer
	// is kept short.
	deadLettersShown = 5
	maxDeadGroups    = 8
	maxDeadPayments  = 5
	// payloadShown is how much of a payload is listed, in bytes.
	payloadShown = 120
)

func (s Sources) deadLetters(ctx context.Context, in DeadLettersIn) (report.Answer[DeadLettersData], error) {
	var none report.Answer[DeadLettersData]
	topics := s.Kafka.DeadLetters
	if in.Topic != "" {
		if !slices.Contains(topics, in.Topic) {
			return none, fault.Invalidf("topic: %s is no dead-letter topic; there are %s (KAFKA_DLQ_TOPICS)", foreign.Text(in.Topic).Quoted(), list(topics))
		}
		topics = []string{in.Topic}
	}
	after, err := parseMark(in.Cursor)
	if err != nil {
		return none, err
	}
	clock := s.clock(ctx)()
	since, notes, err := s.sinceOf(in.Since, time.Now().Add(clock.Ahead))
	if err != nil {
		return none, err
	}
	t := s.Kafka.Client.DeadLetters(ctx, broker.TailAsk{Topics: topics, Since: since, Look: look(ctx), Window: newDead, Clock: clock})
	if err := ctx.Err(); err != nil {
		return none, err
	}
	t.At = s.inZone(t.At)
	for i := range t.Letters {
		t.Letters[i].At = s.inZone(t.Letters[i].At)
	}
	k := diagnose.Kafka{Health: broker.Health{Cluster: t.Cluster, Clock: clock, Silent: t.Silent, DeadLetters: t.Topics}, Topics: topics}
	found, ran := diagnose.DeadLetterFindings(k, t, newDead)
	a := report.Answer[DeadLettersData]{
		Summary: deadSummary(t), Findings: found, Sources: kafkaSources(t.Cluster, t.Silent), AsOf: t.At,
		Because: strings.Join(diagnose.DeadDoubts(t), "; "),
	}
	var listed []broker.Letter
	withheld := s.withhold(t.Letters)
	a.Data, a.Coverage, listed = s.deadData(t, in, after, since)
	a.Coverage.Not = append(a.Coverage.Not, withheld...)
	a.Coverage.Looked = append(a.Coverage.Looked, notes...)
	if t.Source.OK() {
		tellClock(&a.Coverage, clock)
	}
	a.Conclude(ran...)
	if in.Limit <= deadLettersShown {
		report.Shorten(&a, deadParts(&a, listed)...)
	}
	return a, nil
}

// withhold takes away what letters say of payments where the server is bound to some
// merchants, and says so: neither the ledger's worker nor those of settlements and
// refunds write whose payment it is.
func (s Sources) withhold(letters []broker.Letter) (not []string) {
	if !s.Scope.Limited() {
		return nil
	}
	for i := range letters {
		l := &letters[i]
		l.PaymentID, l.Amount, l.ErrorMessage, l.Payload = "", "", "", ""
	}
	return []string{"payments, amounts, messages and payloads of the letters: a letter does not name its merchant, and this server sees these merchants only: " + s.Scope.String()}
}

// deadParts is what an answer about dead letters can do without. Letters that are left
// out come with the next page.
func deadParts(a *report.Answer[DeadLettersData], shown []broker.Letter) []report.Extra {
	d := &a.Data
	letters := func(keep int) report.Extra {
		return report.Extra{Name: "letters", Drop: func() bool {
			n := len(d.Letters) - 1
			if n < keep {
				return false
			}
			d.Letters = d.Letters[:n]
			nextLetters(&a.Coverage, shown[n-1])
			return true
		}}
	}
	return slices.Concat([]report.Extra{letters(3), report.RuledOut(a)}, report.Wordy(a.Findings), []report.Extra{letters(1), report.Last("kinds of error", &d.Groups, 2)}, report.Bare(a.Findings))
}

// sinceOf resolves a moment by the clock that records are stamped by.
func (s Sources) sinceOf(text string, now time.Time) (at time.Time, notes []string, err error) {
	if text == "" {
		return at, nil, nil
	}
	m, err := when.ParseMoment(text)
	if err == nil {
		at, notes, err = m.At(now, s.Zone)
	}
	if err != nil {
		return at, nil, fault.New(fault.Invalid, "Say one of: "+when.MomentForms, "%w", sinceError(err))
	}
	return at, notes, nil
}

func sinceError(err error) error {
	if e, ok := errors.AsType[*when.Error](err); ok && e.Field == "" {
		return fmt.Errorf("since %w", err)
	}
	return err
}

func deadSummary(t broker.Tail) string {
	if !t.Source.OK() {
		return fmt.Sprintf("UNKNOWN - Kafka did not tell of its dead letters (%s)", t.Source.Err.Class)
	}
	var depth, recent int64
	least := ""
	for _, d := range t.Topics {
		depth, recent = depth+d.Depth, recent+d.Recent
		if d.Unknown > 0 || d.Err != "" {
			least = ">= "
		}
	}
	text := fmt.Sprintf("%s%d dead letters in %d topics, %s%d new in 15m", least, depth, len(t.Topics), least, recent)
	if len(t.Letters) > 0 {
		text += ", the newest of " + t.Letters[0].At.Format(time.RFC3339)
	}
	return text
}

func (s Sources) deadData(t broker.Tail, in DeadLettersIn, after mark, since time.Time) (d DeadLettersData, c report.Coverage, listed []broker.Letter) {
	if !t.Source.OK() {
		return d, report.Coverage{Not: []string{"dead letters"}}, nil
	}
	for _, dead := range t.Topics {
		row := deadRow(dead)
		full := DeadTopicRow{Topic: row.Topic, Depth: row.Depth, New: row.New, Note: row.Note}
		for _, l := range t.Letters {
			if l.Topic == dead.Topic {
				full.Newest = &l.At
				break
			}
		}
		if slices.Contains(t.Refused, dead.Topic) {
			full.Note = strings.TrimPrefix(full.Note+"; we may not read it", "; ")
		}
		d.Topics = append(d.Topics, full)
	}
	groups := diagnose.GroupDead(t.Letters)
	if more := len(groups) - maxDeadGroups; more > 0 {
		c.Not = append(c.Not, fmt.Sprintf("%d more kinds of error, each rarer", more))
		groups = groups[:maxDeadGroups]
	}
	if after.isZero() { // a next page is of letters
		for _, g := range groups {
			d.Groups = append(d.Groups, deadGroupRow(g))
		}
	}
	if !since.IsZero() {
		c.Window = s.inZone(since).Format(time.RFC3339) + " .. " + t.At.Format(time.RFC3339)
	}
	c.Looked = append(c.Looked, fmt.Sprintf("%d letters read", len(t.Letters)))
	if len(t.Unread) > 0 {
		c.Not = append(c.Not, "some letters of "+list(t.Unread))
	}
	if !t.From.IsZero() {
		c.Not = append(c.Not, "letters before "+s.inZone(t.From).Format(time.RFC3339)+": the newest of each partition were read")
	}
	listed = t.Letters
	if !after.isZero() {
		listed = slices.DeleteFunc(slices.Clone(listed), func(l broker.Letter) bool { return !after.before(l) })
	}
	if len(listed) > in.Limit {
		listed = listed[:in.Limit]
		nextLetters(&c, listed[len(listed)-1])
	}
	for _, l := range listed {
		d.Letters = append(d.Letters, letterRow(l))
	}
	return d, c, listed
}

// nextLetters says how to have the letters behind the last one that is listed.
func nextLetters(c *report.Coverage, last broker.Letter) {
	c.Cut, c.Cursor, c.More = true, markOf(last).String(), "send cursor for the next ones"
}

func deadGroupRow(g diagnose.DeadGroup) DeadGroupRow {
	row := DeadGroupRow{Count: g.Count, Topic: foreign.Text(g.Topic), Error: foreign.Text(g.Error), Code: foreign.Text(g.Code), Origin: foreign.Text(g.Origin), Oldest: g.Oldest, Newest: g.Newest}
	for _, id := range g.Payments[:min(len(g.Payments), maxDeadPayments)] {
		row.Payments = append(row.Payments, foreign.Text(id))
	}
	return row
}

func letterRow(l broker.Letter) LetterRow {
	row := LetterRow{At: l.At, Record: foreign.Text(fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, l.Offset)), Payment: foreign.Text(l.PaymentID),
		Amount: foreign.Text(l.Amount), Retries: foreign.Text(l.Retries), Payload: foreign.Text(foreign.Clean(l.Payload, payloadShown)), Bytes: l.Size}
	if l.Origin != "" {
		row.Of = foreign.Text(fmt.Sprintf("%s/%s@%s", l.Origin, l.OriginPartition, l.OriginOffset))
	}
	switch {
	case l.Odd != "":
		row.Error = foreign.Text(l.Odd)
	case l.ErrorType != "":
		row.Error = foreign.Text(strings.TrimSuffix(l.ErrorType+": "+l.ErrorMessage, ": "))
	default:
		row.Error = foreign.Text(strings.TrimPrefix(l.Code+": "+l.ErrorMessage, ": "))
	}
	return row
}

// mark is a place in the list, newest first.
type mark struct {
	at        int64 // milliseconds
	topic     string
	partition int32
	offset    int64
}

func markOf(l broker.Letter) mark { return mark{l.At.UnixMilli(), l.Topic, l.Partition, l.Offset} }

func (m mark) isZero() bool { return m == mark{} }

// before reports whether a letter comes after the mark in the list.
func (m mark) before(l broker.Letter) bool {
	return broker.NewerFirst(broker.Letter{At: time.UnixMilli(m.at), Topic: m.topic, Partition: m.partition, Offset: m.offset}, l) < 0
}

func (m mark) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %d %s", m.at, m.partition, m.offset, m.topic))
}

func parseMark(text string) (m mark, err error) {
	if text == "" {
		return m, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		_, err = fmt.Sscanf(string(raw), "%d %d %d %s", &m.at, &m.partition, &m.offset, &m.topic)
	}
	if err != nil {
		return m, fault.Invalidf("cursor: not one of this tool's; leave it out to begin with the newest")
	}
	return m, nil
}

func inspectDeadLetters(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "inspect_dead_letters",
		Title: "Dead letters",
		Description: "What was given up: depth, growth and newest record of the dead-letter topics (payment.dlq of the ledger, settlement.dlq, refund.dlq), the newest letters grouped by error and origin, with payment ids, and single letters with card numbers masked. " +
			"Ask it when check_kafka_health counts new dead letters, or a payment has no ledger entry, settlement or refund. " +
			"Workers can also drop a record without a letter: an empty topic proves nothing, reconciliation_check does.",
		Examples: []string{`{}`, `{"topic":"payment.dlq","limit":10}`, `{"since":"2h ago"}`},
	}, s.deadLetters)
}
