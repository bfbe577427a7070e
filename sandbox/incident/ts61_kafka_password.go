package incident

import (
	"context"
	"crypto/rand"

	"payops-mcp/sandbox/stack"
)

// TS-61: Kafka does not take the password that the server has.
var _ = add(Incident{ID: "TS-61", Parts: showing, Accounts: true, Undo: nothingToUndo,
	Inject: func(_ context.Context, w *World) (Injected, error) {
		at, _ := w.Stack.KafkaLogin(stack.KafkaReaderUser)
		wrong := rand.Text()
		return Injected{
			Asks: []Ask{askKafka(), askDeadLetters(), askStack()}, Quotes: []string{"KAFKA_SASL_PASSWORD"}, Never: []string{wrong},
			Settings: asReader(at, stack.KafkaReaderUser, wrong, w.saslMechanism()),
		}, nil
	},
})
