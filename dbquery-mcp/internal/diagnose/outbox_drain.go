package diagnose

import (
	"fmt"
	"slices"
	"time"
)

// Drain is how fast a shard's outbox moves.
type Drain struct {
	Known    bool
	In, Out  float64 // events a second
	Over     time.Duration
	Sampled  bool // by two looks; otherwise from the last minutes
	Waiting  int64
	AtLeast  bool
	Duration time.Duration // until empty at this rate; 0: never, or not known
}

// Drain measures a shard, from the last minutes where they are known, else between
// the two looks.
func (o Outbox) Drain(shard string) (d Drain) {
	i := slices.IndexFunc(o.Shards, func(s OutboxShard) bool { return s.Shard == shard })
	if i < 0 {
		return d
	}
	s := o.Shards[i]
	if d.Waiting, d.AtLeast = s.LiveCount(); s.Hidden {
		d.Waiting = 0 // nothing to tell by until when it lasts
	}
	if in, out, minutes := s.PerMinute(); minutes > 0 {
		d.Known, d.Over = true, time.Duration(minutes)*time.Minute
		d.In, d.Out = float64(in)/d.Over.Seconds(), float64(out)/d.Over.Seconds()
	} else if j := slices.IndexFunc(o.Before, func(s OutboxShard) bool { return s.Shard == shard }); j >= 0 && !s.AtLeast && !o.Before[j].AtLeast && o.Apart > 0 {
		was := o.Before[j]
		d.Known, d.Sampled, d.Over = true, true, o.Apart
		d.In = float64(s.LastID-was.LastID) / o.Apart.Seconds()
		d.Out = d.In - float64(s.Count-was.Count)/o.Apart.Seconds()
	}
	if net := d.Out - d.In; d.Known && net > 0 && d.Waiting > 0 {
		d.Duration = time.Duration(float64(d.Waiting) / net * float64(time.Second))
	}
	return d
}

// Words is the movement for a reader.
func (d Drain) Words() string {
	if d.Out < 0.05 {
		return fmt.Sprintf("gets %.1f/s and publishes nothing", d.In)
	}
	text := fmt.Sprintf("gets %.1f/s and publishes %.1f/s over %s", d.In, d.Out, lasted(d.Over))
	switch {
	case d.Duration > 0:
		return text + ", done in about " + lasted(d.Duration)
	case d.Waiting > 0:
		return text + ", never done at this rate"
	}
	return text
}
