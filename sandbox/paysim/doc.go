// Package paysim is a working payment system: the ingest service, its workers
// and a payment gateway, on the tables, keys, topics, endpoints and metric
// names of the real one. It is healthy unless told otherwise; what is wrong
// with the real one is a switch each, see package defect.
//
// A process plays one or several roles; [Start] runs them, and the program in
// cmd/paysim does so with the settings of its environment. Every process may be
// killed at any moment. What then holds again after a restart, and how that is
// proven, is in the tests of this package.
//
//	payments  authorize, capture, refund            api      HTTP
//	outbox    events, poller, lock, publisher       breaker  Resilience4j's semantics
//	worker    settlement, refund, ledger, retries   bus      Kafka
//	paydb     shards, pools, transactions           quota    rate limits in Redis
//	gateway   the simulated payment gateway         meter    metrics
//	control   defects, pauses, breakers by hand     traffic  load
package paysim
