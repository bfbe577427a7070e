package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

// Reading is one breaker of one instance, as the sources show it.
type Reading struct {
	Breaker  string
	Instance string // as configured, or Prometheus' label where the API has no such address
	Label    string // Prometheus' label; empty when no series is known to be this instance's

	// Configured tells an address of the API from an instance that only
	// Prometheus knows. Both may be the same one under two names.
	Configured bool

	State   string // empty when it is not known
	Unknown string // why it is not
	Live    bool   // the instance said it itself, now; else a scrape did
	Mixed   bool   // a gateway or the monitoring service chose the instance that said it

	API  *ingest.Breaker // what the instance said; nil when it did not
	Date time.Time       // when, by its own clock; zero when it does not say
	Prom *promql.Breaker // what Prometheus has of it, old or new; nil for nothing

	PromSilent bool // Prometheus did not answer, or not wholly

	Started time.Time     // of the process; zero when not known
	Age     time.Duration // of what Prometheus has
	Old     bool          // too old to be of now
	Every   time.Duration // between scrapes; zero when not known

	// FailedOver is how far apart the failures lie that opened it; nil when that
	// was not looked at.
	FailedOver *time.Duration
}

// Counts are the failed and the successful calls in the window; nil when they are
// not known.
func (r Reading) Counts() (failed, successful *int) {
	if r.API != nil {
		return &r.API.Failed, &r.API.Successful
	}
	if p := r.fresh(); p != nil {
		return p.Failed, p.Successful
	}
	return nil, nil
}

// fresh is what Prometheus has of now; nil for nothing.
func (r Reading) fresh() *promql.Breaker {
	if r.Old {
		return nil
	}
	return r.Prom
}

// assumedInterval is used where the interval between scrapes is not known; few
// are longer.
const assumedInterval = time.Minute

// tooOld reports whether a scrape of an instance is too old to be of now: more
// than two intervals, and a second for scrapes that take their time.
func tooOld(age, interval time.Duration) bool {
	return age > 2*cmp.Or(interval, assumedInterval)+time.Second
}

// down reports whether the last scrape of an instance failed.
func down(i promql.Instance) bool { return !i.UpAt.IsZero() && !i.Up }

// gone reports whether Prometheus has stopped scraping an instance, as it does
// when the registry drops it.
func gone(i promql.Instance, at time.Time) bool {
	return !i.UpAt.IsZero() && tooOld(at.Sub(i.UpAt), i.Interval)
}

// Join puts the sources' facts together, with times in a zone. An instance of the
// API and one of Prometheus are the same only where their addresses are; else
// both are shown.
func Join(api []ingest.Instance, prom promql.Facts, zone *time.Location) Status {
	prom, api = inZone(prom, zone), slices.Clone(api)
	for i := range api {
		if !api[i].Date.IsZero() {
			api[i].Date = api[i].Date.In(zone)
		}
	}
	s := Status{API: api, Prom: prom}
	for _, d := range Defaults {
		s.Expected = append(s.Expected, d.Breaker)
	}
	allGone := len(prom.Instances) > 0 && !slices.ContainsFunc(prom.Instances, func(p promql.Instance) bool { return !gone(p, prom.At) })
	matched := map[int]bool{}
	for _, a := range api {
		n := slices.IndexFunc(prom.Instances, func(p promql.Instance) bool { return same(a, p, prom.Local) })
		if n < 0 {
			s.Readings = append(s.Readings, readings(a, nil, prom)...)
			continue
		}
		matched[n] = true
		s.Readings = append(s.Readings, readings(a, &prom.Instances[n], prom)...)
	}
	for n, p := range prom.Instances {
		switch {
		case matched[n]:
		case gone(p, prom.At) && !allGone:
			s.Gone = append(s.Gone, p)
			s.Readings = append(s.Readings, leftOpen(p, prom.At)...)
		default:
			for _, b := range p.Breakers {
				s.Readings = append(s.Readings, scraped(p.Name.String(), p, b, prom.At))
			}
		}
	}
	s.Readings = append(s.Readings, unseen(api, s.Readings, s.Expected)...)
	for i := range s.Readings {
		s.Readings[i].PromSilent = !prom.Source.OK()
	}
	slices.SortStableFunc(s.Readings, func(a, b Reading) int {
		return cmp.Or(cmp.Compare(a.Breaker, b.Breaker), cmp.Compare(a.Instance, b.Instance))
	})
	return s
}

// leftOpen are readings, without a state, of the breakers of an instance that is gone
// that were not CLOSED when it was last seen: its process may run on without being
// scraped. Of one that was CLOSED there is nothing to doubt, as after a scale-down.
func leftOpen(p promql.Instance, at time.Time) (all []Reading) {
	for _, b := range p.Breakers {
		if b.State != "" && b.State != "CLOSED" {
			all = append(all, scraped(p.Name.String(), p, b, at))
		}
	}
	return all
}

// readings are those of an instance of the API, together with what Prometheus
// has of the same instance.
func readings(a ingest.Instance, p *promql.Instance, prom promql.Facts) []Reading {
	var all []Reading
	told := a.Breakers
	if !a.Source.OK() {
		// It would have told of this one.
		all = append(all, Reading{Breaker: KafkaPublisher, Instance: a.Name, Configured: true})
	}
	for _, b := range told {
		all = append(all, Reading{Breaker: b.Name.String(), Instance: a.Name, Configured: true, State: b.State, Live: true,
			Mixed: a.Gateway() || a.Monitoring(), API: &b, Date: a.Date})
	}
	if p != nil {
		for _, b := range p.Breakers {
			with := scraped(a.Name, *p, b, prom.At)
			with.Configured = true
			if n := slices.IndexFunc(all, func(r Reading) bool { return r.Breaker == with.Breaker }); n < 0 {
				all = append(all, with)
			} else {
				all[n] = all[n].joined(with)
			}
		}
	}
	for n, r := range all {
		if r.State != "" {
			continue
		}
		if !a.Source.OK() && r.Breaker == KafkaPublisher {
			r.Unknown = "the API did not answer (" + string(a.Source.Err.Class) + ")" + and(r.Unknown)
		}
		if r.Prom == nil && !prom.Source.OK() {
			r.Unknown += "; Prometheus did not answer (" + string(prom.Source.Err.Class) + ")"
		}
		all[n] = r
	}
	return all
}

func and(more string) string {
	if more == "" {
		return ""
	}
	return "; " + more
}

// joined adds what Prometheus has to what the API said, which wins for now.
func (r Reading) joined(scraped Reading) Reading {
	r.Label, r.Prom, r.Age, r.Old, r.Every, r.Started = scraped.Label, scraped.Prom, scraped.Age, scraped.Old, scraped.Every, scraped.Started
	if !r.Live {
		r.State, r.Unknown = scraped.State, scraped.Unknown
	}
	return r
}

// scraped is a reading of Prometheus alone.
func scraped(name string, p promql.Instance, b promql.Breaker, at time.Time) Reading {
	r := Reading{Breaker: b.Name.String(), Instance: name, Label: p.Name.String(), Prom: &b,
		Started: p.Started, Age: at.Sub(b.At), Every: p.Interval}
	r.Old = tooOld(r.Age, p.Interval) || down(p)
	switch {
	case r.Old && b.State != "":
		r.Unknown = fmt.Sprintf("Prometheus saw %s last, %s ago", b.State, short(r.Age))
	case r.Old:
		r.Unknown = fmt.Sprintf("Prometheus saw it last %s ago", short(r.Age))
	case b.State == "" && len(b.Ones) == 0:
		r.Unknown = "Prometheus shows all of its states as 0"
	case b.State == "":
		r.Unknown = "Prometheus shows not one known state as 1, but " + strings.Join(b.Ones, " and ")
	default:
		r.State = b.State
	}
	return r
}

// same reports whether an instance of Prometheus has the address of one of the
// API: as what is scraped, as its label, or in the registry's id that is its
// label. Loopback addresses of two machines are two: they count only where
// Prometheus is asked on the loopback too.
func same(a ingest.Instance, p promql.Instance, local bool) bool {
	if a.Gateway() || a.Monitoring() {
		return false
	}
	mine := address(a.Address)
	if strings.HasPrefix(mine, loopback) && !local {
		return false
	}
	return mine == address(p.Address) || mine == address(registered(p.Name.String()))
}

// registered is the address in an id of the service registry, which Spring makes
// of host, application and port; any other label is returned as it is.
func registered(label string) string {
	host, rest, _ := strings.Cut(label, ":")
	if application, port, found := strings.Cut(rest, ":"); found && strings.EqualFold(application, "ingest-service") {
		return host + ":" + port
	}
	return label
}

// loopback stands for every name of the own machine.
const loopback = "loopback:"

// address writes host:port in one way. What has no port matches nothing.
func address(hostport string) string {
	i := strings.LastIndexByte(hostport, ':')
	if i < 0 {
		return ""
	}
	host, port := strings.ToLower(hostport[:i]), hostport[i+1:]
	if host == "localhost" || host == "[::1]" || strings.HasPrefix(host, "127.") && strings.Trim(host, ".0123456789") == "" {
		return loopback + port
	}
	return host + ":" + port
}

// inZone returns the facts with their times in a zone.
func inZone(f promql.Facts, zone *time.Location) promql.Facts {
	in := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.In(zone)
		}
	}
	in(&f.At)
	in(&f.LastSeen)
	f.Instances = slices.Clone(f.Instances)
	for i := range f.Instances {
		p := &f.Instances[i]
		in(&p.UpAt)
		in(&p.Started)
		p.Breakers = slices.Clone(p.Breakers)
		for n := range p.Breakers {
			b := &p.Breakers[n]
			in(&b.At)
			in(&b.History.From)
			in(&b.History.Since)
			in(&b.History.Before)
			in(&b.History.Left)
		}
	}
	return f
}
