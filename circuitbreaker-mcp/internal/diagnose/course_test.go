package diagnose

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
)

// stream is how many records there are, or were consumed, at so many seconds.
type stream func(seconds float64) float64

// steadily is base and rate a second.
func steadily(base, rate float64) stream {
	return func(t float64) float64 { return base + rate*t }
}

// bursts come on top of it: so many records within some seconds, each minute.
func (s stream) bursts(records, within float64) stream {
	return func(t float64) float64 {
		minute := math.Floor(t / 60)
		return s(t) + records*(minute+min(1, (t-60*minute)/within))
	}
}

// batches are what is committed of it: at each period, and at the phase in it.
func (s stream) batches(period, phase float64) stream {
	return func(t float64) float64 { return s(math.Floor((t-phase)/period)*period + phase) }
}

// servedAt is what a consumer has come past that takes so many a second, and leaves some
// under way.
func (s stream) servedAt(rate, underWay float64) stream {
	const step = 0.1
	past := []float64{s(0)}
	return func(t float64) float64 {
		for n := len(past); float64(n)*step <= t; n++ {
			past = append(past, min(s(float64(n)*step), past[n-1]+rate*step))
		}
		return min(past[int(t/step)], s(t)-underWay)
	}
}

// consumer is a group with one member for each partition.
type consumer []struct{ in, out stream }

// alike is a consumer of six partitions, each with its own phase from 0 to 1.
func alike(of func(phase float64) (in, out stream)) consumer {
	all := make(consumer, 6)
	for i := range all {
		all[i].in, all[i].out = of(float64(i) / float64(len(all)))
	}
	return all
}

// at is the consumer as Kafka tells it then.
func (c consumer) at(seconds float64) broker.Sample {
	s := sample(time.Duration(seconds*float64(time.Second)), "Stable")
	for id, p := range c {
		end := math.Floor(p.in(seconds))
		s.Offsets = append(s.Offsets, broker.Offset{Topic: "payment.captured", Partition: int32(id), Committed: int64(min(p.out(seconds), end)), Last: int64(end), Known: true,
			Due: int64(max(0, p.in(seconds-broker.Grace.Seconds())))})
	}
	return s
}

// judged is what a call tells that looks as Client.Health does: three times, and on for
// the grace while it is undecided.
func (c consumer) judged(kept []broker.Sample, seconds float64) (verdict string, samples []broker.Sample) {
	const looks = 3
	samples = slices.Clone(kept)
	for n := range looks + int(broker.Grace.Seconds()) + 1 {
		samples = append(samples, c.at(seconds+float64(n)))
		if n >= looks-1 && !Undecided(consuming(samples...).Groups[0]) {
			break
		}
	}
	k := consuming(samples...)
	members := make([]string, len(c))
	for i := range members {
		members[i] = fmt.Sprint(i)
	}
	found, ran := KafkaFindings(ownedBy(k, members...))
	ruledOut := slices.Contains(ran, catalog.ConsumerLagGrowing)
	switch codes := codesOf(found); {
	case slices.Equal(codes, []catalog.Code{catalog.ConsumerLagGrowing}):
		return "behind", samples
	case len(codes) > 0:
		return fmt.Sprint(codes), samples
	case len(KafkaDoubts(k)) > 0 && !ruledOut:
		return "unknown", samples
	case len(KafkaDoubts(k)) > 0 || !ruledOut:
		return "neither known nor unknown", samples
	}
	return "ok", samples
}

// Consumers of many kinds are asked about at a hundred moments each, by somebody who has
// not asked before and by somebody who asks each minute: whoever falls behind is never
// ok, and who does not is never alarmed about.
func TestCourses(t *testing.T) {
	falls, healthy := []string{"behind", "unknown"}, []string{"ok"}
	draining := []string{"ok", "unknown"}
	kinds := map[string]struct {
		of  consumer
		may []string
	}{}
	add := func(name string, of consumer, may []string) {
		kinds[name] = struct {
			of  consumer
			may []string
		}{of, may}
	}
	for _, period := range []float64{2, 5, 10, 30} {
		in, out := steadily(20_000, 100), steadily(0, 50)
		add(fmt.Sprintf("falls behind, one partition, a commit each %v s", period), consumer{{in, out.batches(period, 0)}}, falls)
		add(fmt.Sprintf("falls behind, six partitions, a commit each %v s", period), alike(func(phase float64) (stream, stream) { return in, out.batches(period, phase*period) }), falls)
	}
	add("falls behind in one of six", append(alike(func(float64) (stream, stream) { return steadily(9003, 200), steadily(9000, 200) })[:5], struct{ in, out stream }{steadily(10_000, 100), steadily(0, 50)}), falls)
	add("falls behind by a twentieth", consumer{{steadily(100_000, 1000), steadily(0, 950)}}, falls)
	for _, period := range []float64{5, 8} {
		in := steadily(20_000, 100)
		add(fmt.Sprintf("keeps up, a commit each %v s in turn", period), alike(func(phase float64) (stream, stream) { return in, in.batches(period, phase*period) }), healthy)
		add(fmt.Sprintf("keeps up, a commit each %v s at once", period), alike(func(float64) (stream, stream) { return in, in.batches(period, 0) }), healthy)
	}
	for _, b := range []struct{ records, within, rate float64 }{{1000, 1, 100}, {2400, 2, 200}, {3000, 3, 200}, {6000, 5, 300}} {
		in := steadily(1000, 20).bursts(b.records, b.within)
		add(fmt.Sprintf("%v at once each minute, served at %v a second", b.records, b.rate), consumer{{in, in.servedAt(b.rate, 3)}}, draining)
	}
	for _, period := range []float64{1, 3, 5, 8} {
		in := steadily(100_000, 40).bursts(150, 1)
		add(fmt.Sprintf("an old backlog drains, a commit each %v s", period), alike(func(phase float64) (stream, stream) { return in, steadily(0, 120).batches(period, phase*period) }), draining)
	}
	for name, c := range kinds {
		t.Run(name, func(t *testing.T) {
			told := map[string]int{}
			var kept []broker.Sample
			for n := range 100 {
				asked := map[string]float64{"afresh": 300 + float64(n), "each minute": 300 + 61*float64(n)}
				for how, seconds := range asked {
					before := kept
					if how == "afresh" {
						before = nil
					}
					verdict, samples := c.of.judged(before, seconds)
					if told[verdict]++; !slices.Contains(c.may, verdict) {
						t.Errorf("asked %s at %v s: %s, lags %v, overdue %v, doubts %q", how, seconds, verdict, TrendOf(consuming(samples...).Groups[0]).Lags, TrendOf(consuming(samples...).Groups[0]).Overdue, KafkaDoubts(consuming(samples...)))
					}
					if how != "afresh" {
						kept = broker.Thinned(samples)
					}
				}
			}
			if told[c.may[0]] == 0 {
				t.Errorf("never %s: %v", c.may[0], told)
			}
		})
	}
}
