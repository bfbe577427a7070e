package redisdb

import "context"

// waiting are the commands that may wait for data: clients that are blocked in one of
// them are as they want to be.
var waiting = [...]string{"blpop", "brpop", "brpoplpush", "blmove", "blmpop", "bzpopmin", "bzpopmax", "bzmpop", "xread", "xreadgroup", "wait", "waitaof"}

// waitsOf counts their calls, which Redis does when a client begins to wait.
func waitsOf(told fields) *int64 {
	n := int64(0)
	for _, command := range waiting {
		value, _ := told.text("cmdstat_" + command)
		n += part(value, "calls")
	}
	return &n
}

// Held is how many clients a server holds back that wait for no data; false where it is
// not known. None that waits for data is among them when no such command was called.
func (l Load) Held() (n int64, known bool) {
	switch {
	case l.Blocked == nil || *l.Blocked == 0 || l.WaitedFor != nil && *l.WaitedFor > 0:
		return 0, true
	case l.Waits == nil:
		return 0, false
	case *l.Waits > 0:
		return 0, true
	}
	return *l.Blocked, true
}

// askWaits asks a server that holds clients back what they may wait for, which the plain
// INFO does not tell. What it does not answer stays unknown.
func (n node) askWaits(ctx context.Context, i *Info) {
	if _, known := i.Load.Held(); known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	if text, err := n.client.Info(ctx, "commandstats").Result(); err == nil {
		i.Load.Waits = parseInfo(text, 0).Load.Waits
	}
}
