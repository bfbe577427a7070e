package subject

// Cancel tells the server that nobody waits for the answer any more, as a host does
// when its user stops a call.
func (p *Process) Cancel(w Pending) error {
	_, err := p.send(map[string]any{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": map[string]any{"requestId": w.id, "reason": "benchmark"}})
	return err
}
