// Package stack runs the payment system's backing services for real: MariaDB
// shards, Redis, Prometheus, Kafka, and stand-ins for the ingest service, as
// private child processes on free loopback ports with a temporary folder, or
// attaches to ones that somebody else started.
//
//	s, err := stack.Start(ctx, stack.Options{Parts: stack.All})
//	defer s.Close()
//	env := s.Env() // what the three servers are configured with
//
// Whatever becomes of the program that started it, nothing of a stack stays
// behind; see package proc.
package stack
