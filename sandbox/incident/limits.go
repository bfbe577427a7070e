package incident

import (
	"maps"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// limits are the rate limits of the simulated deployment, by action: capacity of
// a window. The servers under test are told of them by Settings.
var limits = map[string]int{"authorize": 24000, "capture": 24000, "refund": 12000}

// window is the limiter's fixed window in seconds.
const window = 60

// Settings are the deployment values that the servers need beside addresses.
func Settings() map[string]string {
	s := map[string]string{}
	for name, action := range map[string]string{"AUTHORIZE": "authorize", "CAPTURE": "capture", "REFUND": "refund"} {
		s["APP_RATE_LIMIT_"+name+"_CAPACITY"] = strconv.Itoa(limits[action])
		s["APP_RATE_LIMIT_"+name+"_WINDOW_SECONDS"] = strconv.Itoa(window)
	}
	return s
}

// ServerSettings are what the servers are started with for a system: where its
// services are, and Settings.
func ServerSettings(s *stack.Stack) map[string]string {
	all := s.Env()
	maps.Copy(all, Settings())
	return all
}

// LivingSettings are what the processes of a living system are told, so that
// they limit as Settings says.
func LivingSettings() map[string]string {
	s := map[string]string{
		"APP_RATE_LIMIT_WINDOW_SECONDS": strconv.Itoa(window),
		// Less than the second between two looks at Kafka: what flows is seen to.
		"OUTBOX_LOCK_AT_LEAST": "300ms",
	}
	for name, action := range map[string]string{"AUTHORIZE": "authorize", "CAPTURE": "capture", "REFUND": "refund"} {
		s["APP_RATE_LIMIT_"+name+"_CAPACITY"] = strconv.Itoa(limits[action])
	}
	return s
}
