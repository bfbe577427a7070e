package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
)

// Publisher sends events to Kafka behind the kafka-publisher breaker.
type Publisher struct {
	Producer *bus.Producer
	Breaker  *breaker.Breaker
	Defects  *defect.Set
}

// fate is what became of one event.
type fate int

const (
	held        fate = iota // not sent: the breaker does not permit it
	sent                    // acknowledged
	undelivered             // Kafka's fault: it is tried again and again
	refused                 // the event's own fault: it counts as a retry
)

// publish sends messages, whose order is that of the fates returned.
func (p *Publisher) publish(ctx context.Context, messages []bus.Message) []fate {
	fates := make([]fate, len(messages))
	if p.blocked() {
		return fates
	}
	late := p.Defects.Has(defect.LateRecording)
	var permitted []bus.Message
	var index []int
	for i, m := range messages {
		if !late && !p.Breaker.Acquire() {
			break
		}
		permitted, index = append(permitted, m), append(index, i)
	}
	if len(permitted) == 0 {
		return fates
	}
	begin := time.Now()
	errs := p.Producer.Send(ctx, permitted...)
	took := time.Since(begin)
	for i, err := range errs {
		fates[index[i]] = p.record(permitted[i], took, err, late)
	}
	return fates
}

// blocked says whether the state alone holds everything back. It does not ask
// the breaker for permission, so that what is held back is not counted as not
// permitted; the real service does the same.
func (p *Publisher) blocked() bool {
	switch p.Breaker.State() {
	case wire.Open:
		return true
	case wire.ForcedOpen:
		return !p.Defects.Has(defect.LateRecording)
	default:
		return false
	}
}

// record tells the breaker how a send ended.
func (p *Publisher) record(m bus.Message, took time.Duration, err error, late bool) fate {
	unreachable := errors.Is(err, bus.ErrUnreachable)
	if unreachable && p.Defects.Has(defect.BlindBreaker) {
		// The send throws before anybody listens to how it ends.
		if !late {
			p.Breaker.Release()
		}
		return refused
	}
	switch {
	case late:
		p.recordLate(m, err)
	case err == nil:
		p.Breaker.OnSuccess(took)
	case errors.Is(err, context.Canceled):
		p.Breaker.Release()
	default:
		p.Breaker.OnError(took)
	}
	switch {
	case err == nil:
		return sent
	case ownFault(err):
		return refused
	default:
		return undelivered
	}
}

// recordLate is the original's way: the breaker guards not the call but a
// function that runs in its callback and takes no time.
func (p *Publisher) recordLate(m bus.Message, err error) {
	if err != nil {
		if p.Breaker.Acquire() {
			p.Breaker.OnError(0)
		}
		return
	}
	if p.Breaker.State() == wire.HalfOpen && m.EventID%10 == 0 && p.Breaker.Acquire() {
		p.Breaker.OnSuccess(0)
	}
}

// ownFault says whether no other event would have failed like this one.
func ownFault(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.InvalidMessage) || errors.Is(err, kafka.InvalidRecord)
}
