package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"payops-mcp/sandbox/stack"
)

// Options say how to watch.
type Options struct {
	Stack   *stack.Stack
	Servers Servers
	For     time.Duration // 0 is until the context ends
	Every   time.Duration
	Seed    uint64
	// Lines gets a line of JSON for each answer that is not as it should be.
	Lines io.Writer
	// Log gets a line each minute for a human.
	Log io.Writer
}

// line is an answer that is not as it should be.
type line struct {
	At     time.Time      `json:"at"`
	TookMS int64          `json:"took_ms"`
	Server string         `json:"server"`
	Tool   string         `json:"tool"`
	Args   map[string]any `json:"args"`
	Wrong  []string       `json:"wrong"`
	Load   string         `json:"machine_load,omitempty"` // see Load
	Paid   string         `json:"traffic,omitempty"`      // how payments go
	Text   string         `json:"text"`
}

// write notes an answer and what is wrong with it.
func (o Options) write(ctx context.Context, s Seen, wrong []string) error {
	l := line{At: s.Began, TookMS: s.Took.Milliseconds(), Server: s.Server, Tool: s.Tool, Args: s.Args, Wrong: wrong, Load: Load(), Text: s.Answer.Text}
	if now, err := o.Stack.Load(ctx); err == nil {
		l.Paid = now.Stats.String()
	}
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Lines, "%s\n", data)
	return err
}

// tellEach is how often the log is told how it goes.
const tellEach = time.Minute

// Poll asks everything for the time of the options. Judge says what is wrong with
// an answer; it is called for one answer at a time.
func (o Options) Poll(ctx context.Context, judge func(Seen) []string) (*Summary, error) {
	if o.For > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, o.For)
		defer stop()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sum, begin, told := NewSummary(), time.Now(), time.Now()
	var failed error
	p := Poller{
		Servers: o.Servers, Every: o.Every, Questions: NewQuestions(o.Stack, rand.New(rand.NewPCG(o.Seed, 1))),
		Heard: func(s Seen) {
			wrong := judge(s)
			if len(wrong) > 0 {
				if err := o.write(context.WithoutCancel(ctx), s, wrong); err != nil {
					failed = err
					stop()
				}
			}
			sum.Add(s, wrong)
			if time.Since(told) >= tellEach {
				told = time.Now()
				sum.Measure(o.Servers)
				o.tell(ctx, time.Since(begin), sum)
			}
		},
	}
	sum.Measure(o.Servers)
	err := p.Run(ctx)
	sum.Measure(o.Servers)
	return sum, errors.Join(failed, err)
}

// tell tells the log how it goes.
func (o Options) tell(ctx context.Context, after time.Duration, sum *Summary) {
	traffic := ""
	if now, err := o.Stack.Load(ctx); err == nil {
		traffic = "; payments: " + now.Stats.String()
	}
	fmt.Fprintf(o.Log, "%s: %d calls, %d things wrong; load of the machine %s%s\n", after.Round(time.Second), sum.Calls(), sum.Wrong(), Load(), traffic)
}

// paidWithin is how long a living system may be without a payment. WaitWarm has seen
// one in less than four seconds.
const paidWithin = 30 * time.Second

// flow judges whether payments go on: a system that serves nobody shows little of what
// could be wrong with it.
type flow struct {
	paid  func() (int, error) // how many, since the traffic began
	last  int
	asked time.Time // when it was that many
}

// judge judges an answer of a system that is well, and once in a while the traffic.
func (f *flow) judge(s Seen) []string {
	return append(s.WrongWhenHealthy(), f.wrong(s.Began.Add(s.Took))...)
}

// wrong is what is wrong with the traffic at a moment, if it is time to look.
func (f *flow) wrong(at time.Time) []string {
	first := f.asked.IsZero()
	if !first && at.Sub(f.asked) < paidWithin {
		return nil
	}
	now, err := f.paid()
	if err != nil {
		return []string{"whether payments go on is not known: " + err.Error()}
	}
	before := f.last
	f.last, f.asked = now, at
	if !first && now == before {
		return []string{fmt.Sprintf("no payment was paid within %s", paidWithin)}
	}
	return nil
}

// Healthy polls a system that is well and judges every answer by that, and, where it
// lives, that payments go on.
func Healthy(ctx context.Context, o Options) (*Summary, error) {
	if err := o.Stack.WaitWarm(ctx); err != nil {
		return nil, err
	}
	judge := Seen.WrongWhenHealthy
	if o.Stack.Has(stack.PartPaysim) {
		payments := &flow{paid: func() (int, error) {
			now, err := o.Stack.Load(context.WithoutCancel(ctx)) // the last answers come after the end
			return now.Stats.Paid, err
		}}
		judge = payments.judge
	}
	sum, err := o.Poll(ctx, judge)
	switch {
	case err != nil:
	case ctx.Err() != nil && o.For > 0:
		err = fmt.Errorf("ended before its time: %w", context.Cause(ctx))
	case sum.Calls() == 0:
		err = errors.New("no tool was asked")
	}
	return sum, err
}
