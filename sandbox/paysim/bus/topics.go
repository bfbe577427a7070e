package bus

// The topics.
const (
	Authorized       = "payment.authorized"
	CaptureRequested = "payment.capture-requested"
	Captured         = "payment.captured"
	RefundRequested  = "payment.refund-requested"
	Refunded         = "payment.refunded"
	PaymentDLQ       = "payment.dlq"
	SettlementDLQ    = "settlement.dlq"
	RefundDLQ        = "refund.dlq"
	Unknown          = "payment.unknown"
)

// The consumer groups.
const (
	SettlementGroup = "settlement-worker-group"
	RefundGroup     = "refund-worker-group"
	LedgerGroup     = "payment-consumer"
)
