package promql

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// scrapedQuery gives whether the last scrape of everything worked, and when it was,
// of what was scraped in the last five minutes.
const scrapedQuery = `
label_replace(max by (job, instance) (last_over_time(up[5m])), "fact", "up", "", "")
or label_replace(max by (job, instance) (timestamp(up)), "fact", "at", "", "")`

// Target is something that Prometheus scrapes.
type Target struct {
	Job, Instance foreign.Text
	Up            bool      // whether the last scrape worked
	At            time.Time // of the last scrape; zero when it is no longer scraped
}

// Targets asks for everything that is scraped, by job and instance.
func (c *Client) Targets(ctx context.Context) ([]Target, fault.Source) {
	start := time.Now()
	src := fault.Source{Name: c.name, Asked: c.asked(scrapedQuery)}
	all, err := c.vector(ctx, scrapedQuery, time.Time{})
	if err != nil {
		src.Err = fault.FailureOf(err, fault.Unexpected)
	}
	src.Took = time.Since(start)
	var list []Target
	index := map[[2]string]int{}
	for _, x := range all {
		k := [2]string{x.get("job"), x.get("instance")}
		n, known := index[k]
		if !known {
			n = len(list)
			index[k] = n
			list = append(list, Target{Job: foreign.Text(k[0]), Instance: foreign.Text(k[1])})
		}
		switch x.get(factLabel) {
		case "up":
			list[n].Up = x.value() == 1
		case "at":
			list[n].At = seconds(x.value())
		}
	}
	slices.SortFunc(list, func(a, b Target) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instance, b.Instance))
	})
	return list, src
}

// Gone reports whether it is no longer scraped, as when the service registry drops it:
// what its last scrape came to says nothing of now.
func (t Target) Gone() bool { return t.At.IsZero() }

// IsIngest reports whether the target is an instance of the ingest service.
func (t Target) IsIngest() bool { return strings.EqualFold(string(t.Job), job) }
