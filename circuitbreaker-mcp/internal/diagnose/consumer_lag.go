package diagnose

import (
	"fmt"
	"strconv"
	"strings"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// lagGrowing finds groups that consume and fall behind.
func lagGrowing(k Kafka) (found []report.Finding) {
	for _, g := range k.Groups {
		if !k.required(g) {
			continue
		}
		t := courseOf(g)
		if t.course != behind {
			continue
		}
		topics, where := topicsOf(g), ""
		if t.of.count() > 0 {
			topics, where = t.of.topics, " in "+t.of.String()
		}
		f := report.NewFinding(catalog.ConsumerLagGrowing, "%s falls behind%s: lag %s -> %s%d in %s, %d consumed and %d added", Name(g.Name), where, lags(t.Lags[:1]), AtLeast(t.Partial), t.Lag, short(t.Window), t.Consumed, t.Produced).
			With(kafkaSource, "OffsetFetch, ListOffsets of "+Name(g.Name), fmt.Sprintf("lag%s %s at %d samples over %s", where, lags(t.Lags), t.Samples, short(t.Window)), g.Now().At).
			Then("Look what the workers wait for (database, payment gateway): analyze_failure_pattern and check_database_health",
				"More consumers help up to the number of partitions").ConfirmWith("analyze_failure_pattern")
		if what := Hurt(topics...); what != "" {
			f = f.Hurts("late: %s", what)
		}
		found = append(found, f)
	}
	return found
}

func lags(list []int64) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(texts, " -> ")
}
