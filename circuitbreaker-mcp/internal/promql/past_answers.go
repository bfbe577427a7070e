package promql

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"payops-mcp/shared/foreign"
)

func (a *pastAnswers) http(s Span) HTTP {
	h := HTTP{RecentFor: s.recent()}
	routes := map[string]*Route{}
	of := func(x series) *Route {
		uri := x.get("uri")
		r := routes[uri]
		if r == nil {
			r = &Route{URI: foreign.Text(uri), Status: map[string]float64{}}
			routes[uri] = r
		}
		return r
	}
	for _, x := range slices.Concat(a.traffic, a.before) {
		v := x.value()
		switch x.get(factLabel) {
		case "http":
			of(x).Status[x.get("status")] += v
		case "http_before":
			r := of(x)
			if r.Before == nil {
				r.Before = map[string]float64{}
			}
			r.Before[x.get("status")] += v
		case "http_5m":
			h.FiveMinutes.add(x)
			of(x).FiveMinutes.add(x)
		case "http_recent":
			h.Recent.add(x)
		case "http_route_recent":
			of(x).Recent.add(x)
		case "http_baseline":
			h.Baseline.add(x)
		case "p50":
			of(x).P50 = finite(v)
		case "p95":
			of(x).P95 = finite(v)
		case "p99":
			of(x).P99 = finite(v)
		case "p95_before":
			of(x).P95Before = finite(v)
		case "mean":
			of(x).Mean = finite(v)
		case "p95_5m":
			h.AuthorizeP95 = finite(v)
		case "p95_recent":
			h.AuthorizeP95Recent = finite(v)
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(routes)) {
		h.Routes = append(h.Routes, *routes[uri])
	}
	return h
}

// authorizeURI is the route by which payments are begun.
const authorizeURI = "/payments/authorize"

func (t *Traffic) add(x series) {
	v, status := x.value(), x.get("status")
	t.All += v
	switch {
	case strings.HasPrefix(status, "5"):
		t.S5xx += v
	case status == "429":
		t.S429 += v
	}
	if x.get("uri") == authorizeURI {
		t.Authorize += v
		if status == "409" {
			t.AuthorizeRefuse += v
		}
	}
}

func (a *pastAnswers) pools() []Pool {
	all := map[[2]string]*Pool{}
	for _, x := range a.clients {
		k := [2]string{x.get("instance"), x.get("pool")}
		if k[1] == "" {
			continue
		}
		p := all[k]
		if p == nil {
			p = &Pool{Instance: foreign.Text(k[0]), Name: foreign.Text(k[1])}
			all[k] = p
		}
		v := finite(x.value())
		switch x.get(factLabel) {
		case "active":
			p.Active = v
		case "max":
			p.Max = v
		case "pending":
			p.Pending = v
		case "always_pending":
			p.AlwaysPending = v
		case "timeouts":
			p.Timeouts = v
		case "timeouts_recent":
			p.RecentTimeouts = v
		case "most_pending":
			p.MostPending = v
		case "timeouts_over":
			p.TimeoutsOver = v
		}
	}
	var pools []Pool
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	}) {
		pools = append(pools, *all[k])
	}
	return pools
}

func (a *pastAnswers) errors() []ErrorCount {
	type what struct {
		job, kind, exception string
	}
	all := map[what]*ErrorCount{}
	for _, x := range slices.Concat(a.clients, a.before) {
		fact := x.get(factLabel)
		kind, _, _ := strings.Cut(fact, "_")
		switch ErrorKind(kind) {
		case ProducerErrors, TemplateErrors, ListenerErrors:
		default:
			continue
		}
		k := what{x.get("job"), kind, x.get("exception")}
		e := all[k]
		if e == nil {
			e = &ErrorCount{Job: foreign.Text(k.job), Kind: ErrorKind(kind), Exception: foreign.Text(k.exception)}
			all[k] = e
		}
		switch {
		case strings.HasSuffix(fact, "_before"):
			e.Before = x.value()
		case strings.HasSuffix(fact, "_recent"):
			e.Recent = x.value()
		default:
			e.Count = x.value()
		}
	}
	var list []ErrorCount
	for _, e := range all {
		if e.Count > 0 || e.Recent > 0 {
			list = append(list, *e)
		}
	}
	slices.SortFunc(list, func(a, b ErrorCount) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Exception, b.Exception))
	})
	return list
}

func (a *pastAnswers) starts() []Start {
	var all []Start
	for _, x := range a.breakers {
		if x.get(factLabel) == "start" {
			all = append(all, Start{foreign.Text(x.get("job")), foreign.Text(x.get("instance")), seconds(x.value())})
		}
	}
	slices.SortFunc(all, func(a, b Start) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instance, b.Instance))
	})
	return all[:min(len(all), maxStarts)]
}

// linesOf puts every line on the same points: what is missing between is nil.
func linesOf(all []series, s Span) []Line {
	var lines []Line
	for _, x := range all {
		l := Line{Name: LineName(x.get(factLabel)), Breaker: foreign.Text(x.get("name"))}
		rate := l.Name == LineFailureRate || l.Name == LineSlowRate
		for i, p := range x.points {
			switch {
			case finite(p.value) == nil:
				l.NaN++
			case p.value < 0 && rate:
				l.TooFew++
				x.points[i].value = math.NaN()
			}
		}
		l.Points = onGrid(x.points, s)
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Breaker, b.Breaker))
	})
	return lines
}
