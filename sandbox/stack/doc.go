// Package stack runs the payment system's backing services for real: MariaDB
// shards, Redis, Prometheus, Kafka, and stand-ins for the ingest service, as
// private child processes on free loopback ports with a temporary folder, or
// attaches to ones that somebody else started.
//
//	s, err := stack.Start(ctx, stack.Options{Parts: stack.All})
//	defer s.Close()
//	env := s.Env() // what the three servers are configured with
//
// With Parts: stack.Living the payment system itself lives in the stack: package
// paysim's ingest instances, workers and gateway as child processes, and
// merchants who send Options.Rate payments a second. Stack.Paysim are the
// processes, each a [Part] whose defects, loops, breakers and behaviour can be
// set; Stack.SetLoad changes the traffic; Stack.WaitScraped waits until
// Prometheus has seen what was changed. Stack.Ingest, the stand-in that only
// tells what it is told to, is then empty. Nothing in a living stack is kept
// fresh: what is under way gets done. "--parts living" starts one with
// "sandbox up" and "sandbox exec".
//
// Whatever becomes of the program that started it, nothing of a stack stays
// behind; see package proc.
package stack
