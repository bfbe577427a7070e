// Package ingest is a stand-in for one instance of the payment system's ingest
// service: the part of its HTTP API that tells about circuit breakers and
// health, and its Prometheus metrics, in the shapes of the real service.
//
// What it tells is a [State] and how badly it tells it is a [Fault]; both are
// plain values that can be changed while it runs, from the same process or,
// through [Client], from another one over a second port.
package ingest
