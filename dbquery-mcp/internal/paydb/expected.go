package paydb

import (
	"maps"
	"slices"
)

// column is a column that the payment system's schema.sql has, and the types that
// hold what it should, the one of schema.sql first.
type column struct {
	name  string
	types []string
}

// expected is a table of schema.sql, as far as answers depend on it.
type expected struct {
	columns []column
	indexes []Index  // by their columns; names may differ
	parents []string // tables that a foreign key leads to, from payment_id
}

var (
	wholeNumber = []string{"bigint", "int"}
	smallNumber = []string{"int", "bigint", "smallint", "mediumint"}
	amounts     = []string{"bigint", "int", "decimal"}
	gatewaySum  = []string{"decimal", "bigint", "int"}
	words       = []string{"varchar", "char"}
	choice      = []string{"varchar", "char", "enum"}
	threeChars  = []string{"char", "varchar", "enum"}
	longWords   = []string{"text", "mediumtext", "longtext", "varchar"}
	document    = []string{"longtext", "json", "mediumtext", "text"} // MariaDB's JSON is longtext
	flag        = []string{"tinyint", "bit", "boolean", "int"}
	moment      = []string{"timestamp", "datetime"}
)

// schemaSQL is the payment system's schema.sql: every table there is.
var schemaSQL = map[string]expected{
	"payment": {
		columns: []column{
			{"payment_id", wholeNumber}, {"merchant_id", words}, {"amount", amounts}, {"currency", threeChars},
			{"status", choice}, {"idempotency_key", words}, {"requested_at", moment}, {"updated_at", moment},
		},
		indexes: []Index{
			{Columns: []string{"payment_id"}}, {Columns: []string{"status", "requested_at"}}, {Columns: []string{"merchant_id", "requested_at"}},
			{Columns: []string{"merchant_id", "idempotency_key"}, Unique: true},
		},
	},
	"ledger_entry": {
		columns: []column{
			{"entry_id", wholeNumber}, {"payment_id", wholeNumber}, {"debit_account", words}, {"credit_account", words},
			{"amount", amounts}, {"occurred_at", moment},
		},
		indexes: []Index{{Columns: []string{"entry_id"}}, {Columns: []string{"payment_id", "occurred_at"}}},
		parents: []string{"payment"},
	},
	"outbox_event": {
		columns: []column{
			{"event_id", wholeNumber}, {"aggregate_type", words}, {"aggregate_id", wholeNumber}, {"event_type", choice}, {"payload", document},
			{"published", flag}, {"published_at", moment}, {"retry_count", smallNumber}, {"last_retry_at", moment}, {"created_at", moment},
		},
		indexes: []Index{{Columns: []string{"event_id"}}, {Columns: []string{"published", "created_at"}}},
	},
	"idem_response_cache": {
		columns: []column{
			{"merchant_id", words}, {"idempotency_key", words}, {"http_status", smallNumber}, {"response_body", document}, {"created_at", moment},
		},
		indexes: []Index{{Columns: []string{"merchant_id", "idempotency_key"}, Unique: true}},
	},
	"settlement_request": {
		columns: []column{
			{"id", wholeNumber}, {"payment_id", wholeNumber}, {"request_amount", gatewaySum}, {"status", choice},
			{"pg_transaction_id", words}, {"pg_response_code", words}, {"pg_response_message", longWords},
			{"retry_count", smallNumber}, {"last_retry_at", moment}, {"requested_at", moment}, {"completed_at", moment},
		},
		indexes: []Index{{Columns: []string{"id"}}, {Columns: []string{"status", "requested_at"}}, {Columns: []string{"payment_id"}}},
		parents: []string{"payment"},
	},
	"refund_request": {
		columns: []column{
			{"id", wholeNumber}, {"payment_id", wholeNumber}, {"refund_amount", gatewaySum}, {"refund_reason", longWords}, {"status", choice},
			{"pg_cancel_transaction_id", words}, {"pg_response_code", words}, {"pg_response_message", longWords},
			{"retry_count", smallNumber}, {"last_retry_at", moment}, {"requested_at", moment}, {"completed_at", moment},
		},
		indexes: []Index{{Columns: []string{"id"}}, {Columns: []string{"status", "requested_at"}}, {Columns: []string{"payment_id"}}},
		parents: []string{"payment"},
	},
	"shedlock": {
		columns: []column{{"name", words}, {"lock_until", moment}, {"locked_at", moment}, {"locked_by", words}},
		indexes: []Index{{Columns: []string{"name"}, Unique: true}},
	},
}

// TableNames are the tables of schema.sql.
func TableNames() []string { return slices.Sorted(maps.Keys(schemaSQL)) }
