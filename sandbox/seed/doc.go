// Package seed fills the payment system's shards and Redis with the data of a
// healthy system, of any size, and knows what it has put there.
//
// Everything follows from a [Plan], which is a pure function of [Options], the
// number of shards and a moment: a payment is computed from its shard and
// index whenever it is asked for. So the same plan that loads the data tells a
// test which rows there must be, and another process can read it back.
//
// A healthy system has nothing old in flight, which data that only lies there
// soon has: see [Plan.Freshen].
package seed
