// Package outbox is how a change of the database becomes a message, exactly as
// often as the change happened or more: events are written in the business
// transaction, and a poller, of which one at a time holds a lock, publishes
// them afterwards.
package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"payops-mcp/sandbox/paysim/bus"
)

// The types of events.
const (
	Authorized       = "PAYMENT_AUTHORIZED"
	CaptureRequested = "PAYMENT_CAPTURE_REQUESTED"
	Captured         = "PAYMENT_CAPTURED"
	RefundRequested  = "PAYMENT_REFUND_REQUESTED"
	Refunded         = "PAYMENT_REFUNDED"
)

// TopicOf is where events of a type go.
func TopicOf(eventType string) string {
	switch eventType {
	case Authorized:
		return bus.Authorized
	case CaptureRequested:
		return bus.CaptureRequested
	case Captured:
		return bus.Captured
	case RefundRequested:
		return bus.RefundRequested
	case Refunded:
		return bus.Refunded
	default:
		return bus.Unknown
	}
}

// Event is one row of the outbox.
type Event struct {
	Type      string
	PaymentID int64
	// Payload is the message; paymentId and occurredAt are added.
	Payload map[string]any
}

// Append writes events in a transaction: they exist if the change does.
func Append(ctx context.Context, tx *sql.Tx, events ...Event) error {
	statement := `INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload) VALUES ` +
		strings.TrimSuffix(strings.Repeat("('payment',?,?,?),", len(events)), ",")
	args := make([]any, 0, 3*len(events))
	for _, e := range events {
		payload := maps.Clone(e.Payload)
		payload["paymentId"] = e.PaymentID
		payload["occurredAt"] = time.Now().UTC().Format(time.RFC3339Nano)
		text, err := json.Marshal(payload)
		if err != nil {
			return fmt.Errorf("payload of %s for payment %d: %w", e.Type, e.PaymentID, err)
		}
		args = append(args, e.PaymentID, e.Type, text)
	}
	_, err := tx.ExecContext(ctx, statement, args...)
	return err
}
