// Package drill gives incidents to a running payment system: it injects them, asks
// the three servers what an engineer would ask, judges the answers, undoes what was
// done, and waits until the same questions are answered as on a healthy system.
//
// The end-to-end tests and the incident benchmark are made of it, so that they
// cannot differ. The smallest use:
//
//	desk := drill.NewDesk(stack, binaries.Path)
//	defer desk.Close()
//	out, err := drill.Run(ctx, desk, drill.Scenario{Incidents: []incident.Incident{i}, Seed: 7})
//
// Begin, Desk.Ask, Desk.WellAgain and Event.End are the same in steps, for whoever
// has incidents come and go in another order.
package drill
