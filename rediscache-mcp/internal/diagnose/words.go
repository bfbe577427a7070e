package diagnose

import (
	"fmt"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
)

// seconds writes a length of time as a number to compare and, where that is
// large, also for a person: 250 ms, 45 s, 3544 s (59 min). What is left of a
// second counts as one, as in "resets in".
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	whole := int64((d + time.Second - 1) / time.Second)
	text := fmt.Sprintf("%d s", whole)
	switch {
	case d < 10*time.Minute:
		return text
	case d < 10*time.Hour:
		return fmt.Sprintf("%s (%d min)", text, whole/60)
	case d < 10*24*time.Hour:
		return fmt.Sprintf("%s (%d h)", text, whole/3600)
	}
	return fmt.Sprintf("%s (%d days)", text, whole/86400)
}

func setOrAssumed(set bool) string {
	if set {
		return "set"
	}
	return "assumed"
}

func upper(a keyspace.Action) string { return strings.ToUpper(string(a)) }
