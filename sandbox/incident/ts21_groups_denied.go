package incident

import (
	"context"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// groupsHidden keeps the consumer groups from the account that the server has.
var groupsHidden = denial{
	user: stack.KafkaReaderUser, kind: kafka.ResourceTypeGroup, what: kafka.ACLOperationTypeDescribe, names: []string{"*"},
}

// TS-21: the account that the server has may see topics and no consumer group.
var _ = add(Incident{ID: "TS-21", Parts: paying, Accounts: true,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		at, password := w.Stack.KafkaLogin(stack.KafkaReaderUser)
		did := Injected{
			Asks:     []Ask{askKafka(), askLag(bus.LedgerGroup)},
			Quotes:   []string{"[30] Group Authorization Failed", bus.LedgerGroup},
			Never:    []string{password},
			Settings: asReader(at, stack.KafkaReaderUser, password, w.saslMechanism()),
		}
		if err := deny(ctx, w, groupsHidden); err != nil {
			return did, err
		}
		return did, nil
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error { return allow(ctx, w, groupsHidden) },
})
