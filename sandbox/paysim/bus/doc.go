// Package bus is Kafka as the payment system uses it: a producer that says of
// each message what became of it, and a consumer that commits a message only
// when its work is done.
package bus
