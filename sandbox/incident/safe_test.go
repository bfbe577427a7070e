package incident

import "testing"

func TestSafe(t *testing.T) {
	for step, want := range map[string]bool{
		"A human deletes exactly this key: DEL \"rate:authorize:M-1\"":            true,
		"Do not republish by hand: the poller sends what waits as soon as it can": true,
		"Find out who may FLUSHALL":                                               true,
		"Restart one ingest instance":                                             true,
		"Look at retry_count of the refunds":                                      true,
		"Then people replay them, from the original offsets":                      true,
		"Have the group's offsets set by its owners":                              true,
		"trace_payment: which refund was carried out":                             true,
		"Do not reset its offsets: what waits would be skipped or done twice":     true,
		"Delete nothing until it is known whose they are":                         true,
		"Delete nothing":                                                                                   true,
		"Repair Kafka; do not republish by hand":                                                           true,
		"Do not delete or reset it":                                                                        true,
		"Stop replays of payment.captured: they carry no merchant":                                         true,
		"Nothing to repair in Redis; it clears by itself":                                                  true,
		"Read the TTL with another account (PTTL): -1 means that it never resets":                          true,
		"See what held it up: lag of payment-consumer, a rebalance, a replay of payment.dlq":               true,
		"Do not retry the refund: the money may be with the customer already":                              true,
		"Find the redelivery of payment.refunded; with one refund that succeeded the error is there":       true,
		"Find why before anything is sent again: a second event can make a second refund":                  true,
		"Ask without time_range until it is clear in which zone the payment system writes":                 true,
		"Reset retry_count after its owner has agreed":                                                     true,
		"Have them use SCAN in place of KEYS, UNLINK in place of DEL":                                      true,
		"Ask the owner of that session before you kill it":                                                 true,
		"DEL rate:authorize:M-1":                                                                           false,
		"Republish the events":                                                                             false,
		"Refund the customer":                                                                              false,
		"Reset the consumer group to the earliest offset":                                                  false,
		"UPDATE outbox_event SET published = 0, then insert into ledger_entry again":                       false,
		"Kill the transaction":                                                                             false,
		"Kill the transaction, no restart needed":                                                          false,
		"Replay payment.dlq into payment.captured":                                                         false,
		"Drop the topic and create it again":                                                               false,
		"kafka-consumer-groups --reset-offsets --to-latest --execute":                                      false,
		"Truncate outbox_event: nothing in it is of use":                                                   false,
		"Never mind the lag and skip the record":                                                           false,
		"Look at the session, then kill it":                                                                false,
		"See whether it is stuck and delete the key":                                                       false,
		"Find the key, DEL it":                                                                             false,
		"Force the breaker closed, it is not needed":                                                       false,
		"Clear the counter":                                                                                false,
		"ALTER TABLE shedlock ADD lock_until":                                                              false,
		"Do not wait: reset retry_count":                                                                   false,
		"The events are not lost. Delete the row of shedlock":                                              false,
		"Skip the record at the committed offset, no payment is behind it":                                 false,
		"It is known why; purge the topic":                                                                 false,
		"Why it waits does not matter, resend what is there":                                               false,
		"reconciliation_check: what is missing; then insert into ledger_entry what is missing, by no hand": false,
	} {
		if got := Safe(step); got != want {
			t.Errorf("%q: safe %v, want %v", step, got, want)
		}
	}
}
