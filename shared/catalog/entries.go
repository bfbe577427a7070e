// Code generated from catalog.json by go generate; DO NOT EDIT.

package catalog

// The codes of the catalog.
const (
	CBOpen                       Code = "CB_OPEN"                         // state==OPEN on >=1 instance. A SYMPTOM: always try to name the cause below it
	CBForcedOpen                 Code = "CB_FORCED_OPEN"                  // state==FORCED_OPEN (operator action; never auto-recovers, no events)
	CBDisabled                   Code = "CB_DISABLED"                     // state in DISABLED/METRICS_ONLY (protection off)
	CBHalfOpenFlapping           Code = "CB_HALF_OPEN_FLAPPING"           // OPEN<->HALF_OPEN transitions >=2 in window AND oldest unpublished outbox row keeps ageing
	CBHalfOpenStarved            Code = "CB_HALF_OPEN_STARVED"            // HALF_OPEN >=2 min, Kafka probe OK, outbox draining (id%10 sampling, 3 calls needed)
	CBFalseTrip                  Code = "CB_FALSE_TRIP"                   // OPEN, failed>=5, successful==0, Kafka probe OK, failures spread over >10 min: successes are never recorded in CLOSED
	CBBlind                      Code = "CB_BLIND"                        // state CLOSED (often -1.00%) while Kafka probe fails or outbox does not drain
	CBInstanceDivergence         Code = "CB_INSTANCE_DIVERGENCE"          // different state per ingest instance at the same time
	PGAuthBreakerOpen            Code = "PG_AUTH_BREAKER_OPEN"            // Prom state{name=pg-auth-api,state=open}==1; not in /circuit-breaker/status
	PGAuthDegradedSlow           Code = "PG_AUTH_DEGRADED_SLOW"           // pg-auth-api slow_call_rate>=50 or calls p95>2s while failure_rate<50
	PGAuthFailures               Code = "PG_AUTH_FAILURES"                // pg-auth-api failed calls/s elevated, 10<=failure_rate<50, state closed
	IngestDown                   Code = "INGEST_DOWN"                     // up{job=ingest-service} absent or 0 AND API probe fails/503 from gateway
	Ingest5xxSpike               Code = "INGEST_5XX_SPIKE"                // 5xx ratio >=5% over 5m with >=20 requests (symptom)
	Ingest409Spike               Code = "INGEST_409_SPIKE"                // 409 ratio on /payments/authorize >=5x its 1h baseline (symptom; ambiguous by design)
	Ingest429Spike               Code = "INGEST_429_SPIKE"                // 429 ratio up (symptom; go to rediscache-mcp)
	IngestLatencyHigh            Code = "INGEST_LATENCY_HIGH"             // authorize p95 >1 s over 5m (symptom)
	IngestNoTraffic              Code = "INGEST_NO_TRAFFIC"               // up==1, 0 requests in window
	DBPoolExhausted              Code = "DB_POOL_EXHAUSTED"               // hikaricp_connections_pending>0 sustained AND active==max, or timeout_total rising; name the pool
	KafkaBrokersUnreachable      Code = "KAFKA_BROKERS_UNREACHABLE"       // no bootstrap broker answers Metadata within timeout
	KafkaBrokerLost              Code = "KAFKA_BROKER_LOST"               // live brokers < brokers named in partition replica lists
	KafkaLeaderlessPartitions    Code = "KAFKA_LEADERLESS_PARTITIONS"     // partition leader==-1 / LEADER_NOT_AVAILABLE
	KafkaUnderReplicated         Code = "KAFKA_UNDER_REPLICATED"          // len(ISR)<len(replicas), leader present
	KafkaBelowMinISR             Code = "KAFKA_BELOW_MIN_ISR"             // len(ISR)<min.insync.replicas: acks=all producers (workers) blocked; ingest (acks=1) not
	KafkaTopicMissing            Code = "KAFKA_TOPIC_MISSING"             // required topic absent in metadata
	KafkaTopicRecreated          Code = "KAFKA_TOPIC_RECREATED"           // log-end < committed offset, or end offsets << outbox rows published inside retention
	KafkaProduceUnauthorized     Code = "KAFKA_PRODUCE_UNAUTHORIZED"      // producer errors TOPIC_AUTHORIZATION_FAILED while metadata OK
	ConsumerGroupEmpty           Code = "CONSUMER_GROUP_EMPTY"            // required group Empty/Dead/absent and log has unconsumed records
	ConsumerLagGrowing           Code = "CONSUMER_LAG_GROWING"            // lag(t2)>lag(t1) over >=2 samples AND consume rate>0 AND produce rate>consume rate
	ConsumerPartitionStuck       Code = "CONSUMER_PARTITION_STUCK"        // one partition: committed unchanged over window, end>committed; others advance
	ConsumerRebalanceStorm       Code = "CONSUMER_REBALANCE_STORM"        // PreparingRebalance/CompletingRebalance on repeated samples or generation/member churn
	ConsumerMessageDropped       Code = "CONSUMER_MESSAGE_DROPPED"        // event published, group lag 0, but no effect row (no settlement/refund request) after grace
	ConsumerOffsetOutOfRange     Code = "CONSUMER_OFFSET_OUT_OF_RANGE"    // committed < log-start or > log-end
	DLQGrowing                   Code = "DLQ_GROWING"                     // DLQ end offset increased inside window (rate, not absolute count)
	DLQPoisonMessage             Code = "DLQ_POISON_MESSAGE"              // recent DLQ record with parse/validation errorType; quote originalTopic/partition/offset
	OutboxBacklog                Code = "OUTBOX_BACKLOG"                  // oldest unpublished age >= stuck threshold (300 s) - symptom
	OutboxPollerStalled          Code = "OUTBOX_POLLER_STALLED"           // no published_at newer than 60 s, unpublished>0, retry_count=0/last_retry NULL on new rows, breaker not OPEN, Kafka OK
	OutboxLockStuck              Code = "OUTBOX_LOCK_STUCK"               // shedlock.lock_until > UTC now + 60 s for pollAndPublishOutboxEvents
	OutboxLockSchemaBroken       Code = "OUTBOX_LOCK_SCHEMA_BROKEN"       // shedlock table/column lock_until missing while @SchedulerLock build is deployed
	OutboxDeadLetters            Code = "OUTBOX_DEAD_LETTERS"             // published=0 AND retry_count>=max_retries (5 yml / 10 compose)
	OutboxParityStranded         Code = "OUTBOX_PARITY_STRANDED"          // all stuck rows on a shard share aggregate_id parity while opposite parity publishes
	OutboxShardBacklog           Code = "OUTBOX_SHARD_BACKLOG"            // backlog on exactly one shard, other drains
	OutboxUnknownEventType       Code = "OUTBOX_UNKNOWN_EVENT_TYPE"       // event_type not in the 5 known; topic payment.unknown non-empty
	OutboxDuplicatePublish       Code = "OUTBOX_DUPLICATE_PUBLISH"        // topic end-offset delta >> outbox rows published in same window / repeated eventId header
	OutboxEventMissing           Code = "OUTBOX_EVENT_MISSING"            // payment older than grace without PAYMENT_CAPTURE_REQUESTED outbox row
	OutboxMarkedNotPublished     Code = "OUTBOX_MARKED_NOT_PUBLISHED"     // published=1 with published_at NULL, or absent from topic inside retention
	OutboxDrainTooSlow           Code = "OUTBOX_DRAIN_TOO_SLOW"           // draining, but arrival rate > publish rate, backlog growing
	OutboxPendingFresh           Code = "OUTBOX_PENDING_FRESH"            // unpublished rows younger than the threshold
	LedgerCaptureMissing         Code = "LEDGER_CAPTURE_MISSING"          // captured-family payment, 0 (merchant_receivable->cash) rows, updated_at older than grace 120 s
	LedgerReversalMissing        Code = "LEDGER_REVERSAL_MISSING"         // REFUNDED, 0 (cash->merchant_receivable) rows, past grace
	LedgerCaptureDuplicate       Code = "LEDGER_CAPTURE_DUPLICATE"        // >1 capture rows for one payment
	LedgerReversalDuplicate      Code = "LEDGER_REVERSAL_DUPLICATE"       // >1 reversal rows for one payment (PARTIAL_REFUNDED excepted)
	LedgerAmountMismatch         Code = "LEDGER_AMOUNT_MISMATCH"          // single row, amount != payment.amount
	LedgerDirectionReversed      Code = "LEDGER_DIRECTION_REVERSED"       // 0 capture rows, >=1 reversal rows, status CAPTURED
	LedgerUnknownAccount         Code = "LEDGER_UNKNOWN_ACCOUNT"          // account pair not in {(merchant_receivable,cash),(cash,merchant_receivable)}
	LedgerOrphanEntry            Code = "LEDGER_ORPHAN_ENTRY"             // ledger.payment_id not in payment on that shard
	LedgerUnexpectedForStatus    Code = "LEDGER_UNEXPECTED_FOR_STATUS"    // postings on CAPTURE_REQUESTED/CAPTURE_FAILED/AUTHORIZED/..., or reversal on CAPTURED/REFUND_*
	LedgerReversalWithoutCapture Code = "LEDGER_REVERSAL_WITHOUT_CAPTURE" // REFUNDED with reversal but no capture row
	LedgerWrongShard             Code = "LEDGER_WRONG_SHARD"              // anomaly on shard A for id N whose amount equals the missing posting of id N on shard B
	LedgerPostingLate            Code = "LEDGER_POSTING_LATE"             // posted but after SLA (entry_id order vs occurred_at)
	SettlementRetryStarved       Code = "SETTLEMENT_RETRY_STARVED"        // FAILED, retry_count=0, last_retry_at IS NULL, age >90 s: derived query never selects it
	SettlementDeadLetter         Code = "SETTLEMENT_DEAD_LETTER"          // FAILED and retry_count>=10
	SettlementPendingStuck       Code = "SETTLEMENT_PENDING_STUCK"        // PENDING visible at all for >60 s (never committed by healthy code)
	SettlementMissing            Code = "SETTLEMENT_MISSING"              // CAPTURE_REQUESTED older than 300 s, outbox published, no settlement row
	SettlementDuplicate          Code = "SETTLEMENT_DUPLICATE"            // >1 settlement_request rows for a payment (no unique key)
	SettlementAmountMismatch     Code = "SETTLEMENT_AMOUNT_MISMATCH"      // SUCCESS row request_amount != payment.amount
	SettlementStatusConflict     Code = "SETTLEMENT_STATUS_CONFLICT"      // SUCCESS settlement but payment in CAPTURE_REQUESTED/CAPTURE_FAILED
	SettlementFailureSpike       Code = "SETTLEMENT_FAILURE_SPIKE"        // FAILED/(FAILED+SUCCESS) in window >=20% (baseline 5%)
	CaptureEvidenceMissing       Code = "CAPTURE_EVIDENCE_MISSING"        // captured-family payment with neither SUCCESS settlement nor PAYMENT_CAPTURED outbox row
	RefundRetryStarved           Code = "REFUND_RETRY_STARVED"            // as settlement, on refund_request
	RefundDeadLetter             Code = "REFUND_DEAD_LETTER"              // FAILED and retry_count>=10
	RefundStuck                  Code = "REFUND_STUCK"                    // REFUND_REQUESTED older than 300 s
	RefundExceedsPayment         Code = "REFUND_EXCEEDS_PAYMENT"          // sum(SUCCESS refund_amount) > payment.amount
	RefundDuplicateSuccess       Code = "REFUND_DUPLICATE_SUCCESS"        // >1 SUCCESS refund rows
	RefundStatusConflict         Code = "REFUND_STATUS_CONFLICT"          // SUCCESS refund but payment not REFUNDED/PARTIAL_REFUNDED, or REFUNDED with no SUCCESS row
	PaymentStatusRegression      Code = "PAYMENT_STATUS_REGRESSION"       // PAYMENT_REFUND_REQUESTED outbox row exists but status back to CAPTURED
	IdemGhostResponse            Code = "IDEM_GHOST_RESPONSE"             // idempotency record (DB or Redis) whose paymentId/key has no payment
	IdemRecordMissing            Code = "IDEM_RECORD_MISSING"             // payment past grace without idem_response_cache row (loadtest mode off)
	IdemResponseMismatch         Code = "IDEM_RESPONSE_MISMATCH"          // cached paymentId/amount/currency differ from payment
	IdemResponseCorrupt          Code = "IDEM_RESPONSE_CORRUPT"           // value not valid PaymentResponse JSON
	IdemCrossShardDuplicate      Code = "IDEM_CROSS_SHARD_DUPLICATE"      // same (merchant_id,idempotency_key) on both (distinct) shards
	ShardMisroutedMerchant       Code = "SHARD_MISROUTED_MERCHANT"        // merchant rows on a shard that setShardByMerchantId would not choose
	ShardsSameDatabase           Code = "SHARDS_SAME_DATABASE"            // both DSNs reach the same server_uid/hostname/port: run shard checks once
	DBShardUnreachable           Code = "DB_SHARD_UNREACHABLE"            // one shard: dial/handshake failure; the other answers
	DBReplicaLag                 Code = "DB_REPLICA_LAG"                  // Seconds_Behind_Master>10 or heartbeat age; answers are stale
	DBSchemaDrift                Code = "DB_SCHEMA_DRIFT"                 // expected table/column/index/type missing (ddl-auto:update, no migrations)
	DBLockContention             Code = "DB_LOCK_CONTENTION"              // deadlocks / row-lock waits on outbox_event; long trx
	DBTooManyConnections         Code = "DB_TOO_MANY_CONNECTIONS"         // error 1040, or Threads_connected/max_connections>=90%
	RateKeyNoTTLBlocking         Code = "RATE_KEY_NO_TTL_BLOCKING"        // rate:* TTL==-1 AND count>capacity: merchant blocked for ever
	RateKeyNoTTLLatent           Code = "RATE_KEY_NO_TTL_LATENT"          // rate:* TTL==-1, count<=capacity, seen on 2 probes
	RateLimited                  Code = "RATE_LIMITED"                    // count>capacity with 0<TTL<=window (expected throttling)
	RateNearLimit                Code = "RATE_NEAR_LIMIT"                 // 80-100% of capacity, TTL ok
	RateKeyCorrupt               Code = "RATE_KEY_CORRUPT"                // rate:* not an integer string / wrong type: limiter silently fails open for that merchant
	RateWindowMismatch           Code = "RATE_WINDOW_MISMATCH"            // TTL > configured window
	RateLimiterFailOpen          Code = "RATE_LIMITER_FAIL_OPEN"          // writes rejected/unreachable => limiter and idempotency L1 off (symptom)
	IdemKeyNoTTL                 Code = "IDEM_KEY_NO_TTL"                 // idem:* TTL==-1 (ttl-seconds<=0 or foreign writer)
	RedisUnreachable             Code = "REDIS_UNREACHABLE"               // connect refused/timeout
	RedisSlow                    Code = "REDIS_SLOW"                      // PING/command p95 >50 ms, slowlog growing, blocked clients
	RedisLoading                 Code = "REDIS_LOADING"                   // LOADING reply / loading:1
	RedisReadonly                Code = "REDIS_READONLY"                  // role:slave or READONLY on the instance ingest writes to
	RedisWritesRejectedOOM       Code = "REDIS_WRITES_REJECTED_OOM"       // used_memory>=maxmemory, noeviction (or volatile-* w/o TTL keys); errorstat_OOM rising
	RedisWritesRejectedMisconf   Code = "REDIS_WRITES_REJECTED_MISCONF"   // rdb_last_bgsave_status:err + stop-writes-on-bgsave-error; errorstat_MISCONF
	RedisEvicting                Code = "REDIS_EVICTING"                  // evicted_keys rate>0
	RedisDataLoss                Code = "REDIS_DATA_LOSS"                 // uptime small or 0 idem keys while DB has idem rows <600 s old
	RedisHitRateCollapse         Code = "REDIS_HIT_RATE_COLLAPSE"         // ONLY if replay traffic exists; see near miss NM-07
	SrcPromUnreachable           Code = "SRC_PROM_UNREACHABLE"            // dial/timeout
	SrcPromError                 Code = "SRC_PROM_ERROR"                  // HTTP 4xx/5xx or status:error; quote errorType
	SrcPromNoData                Code = "SRC_PROM_NO_DATA"                // success but empty vector: absent != 0
	SrcPromStale                 Code = "SRC_PROM_STALE"                  // newest sample older than 2 scrape intervals / target down
	SrcAPIUnreachable            Code = "SRC_API_UNREACHABLE"             // dial refused/DNS
	SrcAPIBadGateway             Code = "SRC_API_BAD_GATEWAY"             // 502/503/504 from gateway
	SrcAPINotJSON                Code = "SRC_API_NOT_JSON"                // HTML/empty/garbage body
	SrcAPITimeout                Code = "SRC_API_TIMEOUT"                 // deadline exceeded
	SrcAPISchema                 Code = "SRC_API_SCHEMA"                  // JSON but field missing/other type (e.g. "Not Found" string)
	SrcAPINotFound               Code = "SRC_API_NOT_FOUND"               // 404: wrong base path (/circuit-breaker vs /api/circuit-breaker)
	SrcDBAuth                    Code = "SRC_DB_AUTH"                     // 1045
	SrcDBPermission              Code = "SRC_DB_PERMISSION"               // 1142/1227
	SrcDBTimeout                 Code = "SRC_DB_TIMEOUT"                  // 1969 or context deadline
	SrcRedisAuth                 Code = "SRC_REDIS_AUTH"                  // NOAUTH/WRONGPASS
	SrcRedisPermission           Code = "SRC_REDIS_PERMISSION"            // NOPERM
	SrcRedisClusterMode          Code = "SRC_REDIS_CLUSTER_MODE"          // MOVED/ASK/CLUSTERDOWN
	SrcKafkaAuth                 Code = "SRC_KAFKA_AUTH"                  // SASL_AUTHENTICATION_FAILED / TLS handshake
	SrcKafkaPermission           Code = "SRC_KAFKA_PERMISSION"            // *_AUTHORIZATION_FAILED on our admin calls
	SrcKafkaPartial              Code = "SRC_KAFKA_PARTIAL"               // some brokers/partitions did not answer: lag total is a lower bound
	SrcClockSkew                 Code = "SRC_CLOCK_SKEW"                  // |tool clock - server clock|>2 s; use server clock for ages
	SrcTimezoneMismatch          Code = "SRC_TIMEZONE_MISMATCH"           // row ages offset by a multiple of 30 min (JDBC UTC vs session tz)
	SrcPartialResult             Code = "SRC_PARTIAL_RESULT"              // row cap/time cap hit: state coverage
)

var entries = [...]Entry{
	{Code: "CB_OPEN", Kind: "symptom", Severity: "critical", Verdict: "critical", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "",
		Rule: "state==OPEN on >=1 instance. A SYMPTOM: always try to name the cause below it",
	},
	{Code: "CB_FORCED_OPEN", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "",
		Rule: "state==FORCED_OPEN (operator action; never auto-recovers, no events)",
	},
	{Code: "CB_DISABLED", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "",
		Rule: "state in DISABLED/METRICS_ONLY (protection off)",
	},
	{Code: "CB_HALF_OPEN_FLAPPING", Kind: "symptom", Severity: "critical", Verdict: "critical", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "dbquery",
		Rule: "OPEN<->HALF_OPEN transitions >=2 in window AND oldest unpublished outbox row keeps ageing",
	},
	{Code: "CB_HALF_OPEN_STARVED", Kind: "cause", Severity: "low", Verdict: "ok", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "dbquery",
		Rule: "HALF_OPEN >=2 min, Kafka probe OK, outbox draining (id%10 sampling, 3 calls needed)",
	},
	{Code: "CB_FALSE_TRIP", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "",
		Rule:     "OPEN, failed>=5, successful==0, Kafka probe OK, failures spread over >10 min: successes are never recorded in CLOSED",
		Explains: []Code{CBOpen, OutboxPendingFresh},
	},
	{Code: "CB_BLIND", Kind: "symptom", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "dbquery",
		Rule: "state CLOSED (often -1.00%) while Kafka probe fails or outbox does not drain",
	},
	{Code: "CB_INSTANCE_DIVERGENCE", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "breaker", ConfirmedBy: "",
		Rule:     "different state per ingest instance at the same time",
		Explains: []Code{CBOpen, OutboxShardBacklog},
	},
	{Code: "PG_AUTH_BREAKER_OPEN", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "circuitbreaker", Runbook: "gateway", ConfirmedBy: "",
		Rule:     "Prom state{name=pg-auth-api,state=open}==1; not in /circuit-breaker/status",
		Explains: []Code{Ingest409Spike, IngestLatencyHigh, IngestNoTraffic},
	},
	{Code: "PG_AUTH_DEGRADED_SLOW", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "gateway", ConfirmedBy: "",
		Rule:     "pg-auth-api slow_call_rate>=50 or calls p95>2s while failure_rate<50",
		Explains: []Code{Ingest409Spike, IngestLatencyHigh, IngestNoTraffic, PGAuthBreakerOpen},
	},
	{Code: "PG_AUTH_FAILURES", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "gateway", ConfirmedBy: "",
		Rule:     "pg-auth-api failed calls/s elevated, 10<=failure_rate<50, state closed",
		Explains: []Code{Ingest409Spike, IngestLatencyHigh, IngestNoTraffic},
	},
	{Code: "INGEST_DOWN", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "circuitbreaker", Runbook: "ingest", ConfirmedBy: "",
		Rule:     "up{job=ingest-service} absent or 0 AND API probe fails/503 from gateway",
		Explains: []Code{CBInstanceDivergence, IngestNoTraffic, OutboxBacklog, OutboxPollerStalled, SrcAPIBadGateway, SrcAPIUnreachable, SrcPromNoData},
	},
	{Code: "INGEST_5XX_SPIKE", Kind: "symptom", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "ingest", ConfirmedBy: "",
		Rule: "5xx ratio >=5% over 5m with >=20 requests (symptom)",
	},
	{Code: "INGEST_409_SPIKE", Kind: "symptom", Severity: "medium", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "ingest", ConfirmedBy: "",
		Rule: "409 ratio on /payments/authorize >=5x its 1h baseline (symptom; ambiguous by design)",
	},
	{Code: "INGEST_429_SPIKE", Kind: "symptom", Severity: "info", Verdict: "ok", Emitter: "circuitbreaker", Runbook: "ingest", ConfirmedBy: "",
		Rule: "429 ratio up (symptom; go to rediscache-mcp)",
	},
	{Code: "INGEST_LATENCY_HIGH", Kind: "symptom", Severity: "medium", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "ingest", ConfirmedBy: "",
		Rule: "authorize p95 >1 s over 5m (symptom)",
	},
	{Code: "INGEST_NO_TRAFFIC", Kind: "symptom", Severity: "info", Verdict: "ok", Emitter: "circuitbreaker", Runbook: "ingest", ConfirmedBy: "",
		Rule: "up==1, 0 requests in window",
	},
	{Code: "DB_POOL_EXHAUSTED", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "connections", ConfirmedBy: "",
		Rule:     "hikaricp_connections_pending>0 sustained AND active==max, or timeout_total rising; name the pool",
		Explains: []Code{ConsumerLagGrowing, DBLockContention, Ingest5xxSpike, IngestLatencyHigh, OutboxBacklog, OutboxShardBacklog},
	},
	{Code: "KAFKA_BROKERS_UNREACHABLE", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule:     "no bootstrap broker answers Metadata within timeout",
		Explains: []Code{CBBlind, CBHalfOpenFlapping, CBOpen, ConsumerGroupEmpty, ConsumerLagGrowing, ConsumerPartitionStuck, ConsumerRebalanceStorm, KafkaBrokerLost, KafkaUnderReplicated, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, OutboxDeadLetters, OutboxDrainTooSlow, OutboxPendingFresh, OutboxPollerStalled, OutboxShardBacklog, SettlementMissing, SrcKafkaPartial},
	},
	{Code: "KAFKA_BROKER_LOST", Kind: "symptom", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule: "live brokers < brokers named in partition replica lists",
	},
	{Code: "KAFKA_LEADERLESS_PARTITIONS", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule:     "partition leader==-1 / LEADER_NOT_AVAILABLE",
		Explains: []Code{CBBlind, CBHalfOpenFlapping, CBOpen, ConsumerGroupEmpty, ConsumerLagGrowing, ConsumerPartitionStuck, ConsumerRebalanceStorm, KafkaBrokerLost, KafkaUnderReplicated, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, OutboxDeadLetters, OutboxDrainTooSlow, OutboxPendingFresh, OutboxPollerStalled, OutboxShardBacklog, SettlementMissing, SrcKafkaPartial},
	},
	{Code: "KAFKA_UNDER_REPLICATED", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule:     "len(ISR)<len(replicas), leader present",
		Explains: []Code{KafkaBrokerLost},
	},
	{Code: "KAFKA_BELOW_MIN_ISR", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule:     "len(ISR)<min.insync.replicas: acks=all producers (workers) blocked; ingest (acks=1) not",
		Explains: []Code{CBBlind, CBHalfOpenFlapping, CBOpen, ConsumerGroupEmpty, ConsumerLagGrowing, ConsumerPartitionStuck, ConsumerRebalanceStorm, KafkaBrokerLost, KafkaUnderReplicated, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, OutboxDeadLetters, OutboxDrainTooSlow, OutboxPendingFresh, OutboxPollerStalled, OutboxShardBacklog, SettlementMissing, SrcKafkaPartial},
	},
	{Code: "KAFKA_TOPIC_MISSING", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule:     "required topic absent in metadata",
		Explains: []Code{CBBlind, OutboxDeadLetters},
	},
	{Code: "KAFKA_TOPIC_RECREATED", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule:     "log-end < committed offset, or end offsets << outbox rows published inside retention",
		Explains: []Code{ConsumerOffsetOutOfRange},
	},
	{Code: "KAFKA_PRODUCE_UNAUTHORIZED", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "kafka", ConfirmedBy: "",
		Rule:     "producer errors TOPIC_AUTHORIZATION_FAILED while metadata OK",
		Explains: []Code{CBBlind, CBHalfOpenFlapping, CBOpen, ConsumerGroupEmpty, ConsumerLagGrowing, ConsumerPartitionStuck, ConsumerRebalanceStorm, KafkaBrokerLost, KafkaUnderReplicated, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, OutboxDeadLetters, OutboxDrainTooSlow, OutboxPendingFresh, OutboxPollerStalled, OutboxShardBacklog, SettlementMissing, SrcKafkaPartial},
	},
	{Code: "CONSUMER_GROUP_EMPTY", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "circuitbreaker", Runbook: "consumers", ConfirmedBy: "",
		Rule:     "required group Empty/Dead/absent and log has unconsumed records",
		Explains: []Code{ConsumerLagGrowing, DLQGrowing, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, SettlementMissing},
	},
	{Code: "CONSUMER_LAG_GROWING", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "consumers", ConfirmedBy: "",
		Rule:     "lag(t2)>lag(t1) over >=2 samples AND consume rate>0 AND produce rate>consume rate",
		Explains: []Code{DLQGrowing, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, SettlementMissing},
	},
	{Code: "CONSUMER_PARTITION_STUCK", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "consumers", ConfirmedBy: "",
		Rule:     "one partition: committed unchanged over window, end>committed; others advance",
		Explains: []Code{ConsumerLagGrowing, DLQGrowing, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, SettlementMissing},
	},
	{Code: "CONSUMER_REBALANCE_STORM", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "consumers", ConfirmedBy: "",
		Rule:     "PreparingRebalance/CompletingRebalance on repeated samples or generation/member churn",
		Explains: []Code{ConsumerLagGrowing, DLQGrowing, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, SettlementMissing},
	},
	{Code: "CONSUMER_MESSAGE_DROPPED", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "consumers", ConfirmedBy: "circuitbreaker",
		Rule:     "event published, group lag 0, but no effect row (no settlement/refund request) after grace",
		Explains: []Code{ConsumerLagGrowing, DLQGrowing, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, SettlementMissing},
	},
	{Code: "CONSUMER_OFFSET_OUT_OF_RANGE", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "consumers", ConfirmedBy: "",
		Rule: "committed < log-start or > log-end",
	},
	{Code: "DLQ_GROWING", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "dlq", ConfirmedBy: "",
		Rule: "DLQ end offset increased inside window (rate, not absolute count)",
	},
	{Code: "DLQ_POISON_MESSAGE", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "dlq", ConfirmedBy: "",
		Rule:     "recent DLQ record with parse/validation errorType; quote originalTopic/partition/offset",
		Explains: []Code{ConsumerLagGrowing, DLQGrowing, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, SettlementMissing},
	},
	{Code: "OUTBOX_BACKLOG", Kind: "symptom", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule: "oldest unpublished age >= stuck threshold (300 s) - symptom",
	},
	{Code: "OUTBOX_POLLER_STALLED", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "circuitbreaker",
		Rule:     "no published_at newer than 60 s, unpublished>0, retry_count=0/last_retry NULL on new rows, breaker not OPEN, Kafka OK",
		Explains: []Code{CBBlind, OutboxBacklog, OutboxShardBacklog, SettlementMissing},
	},
	{Code: "OUTBOX_LOCK_STUCK", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule:     "shedlock.lock_until > UTC now + 60 s for pollAndPublishOutboxEvents",
		Explains: []Code{CBBlind, OutboxBacklog, OutboxPollerStalled, OutboxShardBacklog, SettlementMissing},
	},
	{Code: "OUTBOX_LOCK_SCHEMA_BROKEN", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule:     "shedlock table/column lock_until missing while @SchedulerLock build is deployed",
		Explains: []Code{CBBlind, DBSchemaDrift, OutboxBacklog, OutboxPollerStalled, OutboxShardBacklog, SettlementMissing},
	},
	{Code: "OUTBOX_DEAD_LETTERS", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule:     "published=0 AND retry_count>=max_retries (5 yml / 10 compose)",
		Explains: []Code{ConsumerLagGrowing, DLQGrowing, LedgerCaptureMissing, LedgerReversalMissing, OutboxBacklog, SettlementMissing},
	},
	{Code: "OUTBOX_PARITY_STRANDED", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule:     "all stuck rows on a shard share aggregate_id parity while opposite parity publishes",
		Explains: []Code{OutboxBacklog, OutboxShardBacklog, SettlementMissing},
	},
	{Code: "OUTBOX_SHARD_BACKLOG", Kind: "symptom", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule: "backlog on exactly one shard, other drains",
	},
	{Code: "OUTBOX_UNKNOWN_EVENT_TYPE", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "circuitbreaker",
		Rule: "event_type not in the 5 known; topic payment.unknown non-empty",
	},
	{Code: "OUTBOX_DUPLICATE_PUBLISH", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "circuitbreaker", Runbook: "outbox", ConfirmedBy: "dbquery",
		Rule:     "topic end-offset delta >> outbox rows published in same window / repeated eventId header",
		Explains: []Code{LedgerReversalDuplicate},
	},
	{Code: "OUTBOX_EVENT_MISSING", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule:     "payment older than grace without PAYMENT_CAPTURE_REQUESTED outbox row",
		Explains: []Code{SettlementMissing},
	},
	{Code: "OUTBOX_MARKED_NOT_PUBLISHED", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "circuitbreaker",
		Rule:     "published=1 with published_at NULL, or absent from topic inside retention",
		Explains: []Code{SettlementMissing},
	},
	{Code: "OUTBOX_DRAIN_TOO_SLOW", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule:     "draining, but arrival rate > publish rate, backlog growing",
		Explains: []Code{OutboxBacklog, OutboxShardBacklog, SettlementMissing},
	},
	{Code: "OUTBOX_PENDING_FRESH", Kind: "symptom", Severity: "info", Verdict: "ok", Emitter: "dbquery", Runbook: "outbox", ConfirmedBy: "",
		Rule: "unpublished rows younger than the threshold",
	},
	{Code: "LEDGER_CAPTURE_MISSING", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule:     "captured-family payment, 0 (merchant_receivable->cash) rows, updated_at older than grace 120 s",
		Explains: []Code{DLQGrowing, LedgerWrongShard},
	},
	{Code: "LEDGER_REVERSAL_MISSING", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule: "REFUNDED, 0 (cash->merchant_receivable) rows, past grace",
	},
	{Code: "LEDGER_CAPTURE_DUPLICATE", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule: ">1 capture rows for one payment",
	},
	{Code: "LEDGER_REVERSAL_DUPLICATE", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule:     ">1 reversal rows for one payment (PARTIAL_REFUNDED excepted)",
		Explains: []Code{OutboxDuplicatePublish},
	},
	{Code: "LEDGER_AMOUNT_MISMATCH", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule: "single row, amount != payment.amount",
	},
	{Code: "LEDGER_DIRECTION_REVERSED", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule: "0 capture rows, >=1 reversal rows, status CAPTURED",
	},
	{Code: "LEDGER_UNKNOWN_ACCOUNT", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule: "account pair not in {(merchant_receivable,cash),(cash,merchant_receivable)}",
	},
	{Code: "LEDGER_ORPHAN_ENTRY", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule:     "ledger.payment_id not in payment on that shard",
		Explains: []Code{DBSchemaDrift},
	},
	{Code: "LEDGER_UNEXPECTED_FOR_STATUS", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule:     "postings on CAPTURE_REQUESTED/CAPTURE_FAILED/AUTHORIZED/..., or reversal on CAPTURED/REFUND_*",
		Explains: []Code{SettlementStatusConflict},
	},
	{Code: "LEDGER_REVERSAL_WITHOUT_CAPTURE", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule:     "REFUNDED with reversal but no capture row",
		Explains: []Code{LedgerCaptureMissing},
	},
	{Code: "LEDGER_WRONG_SHARD", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule:     "anomaly on shard A for id N whose amount equals the missing posting of id N on shard B",
		Explains: []Code{LedgerAmountMismatch, LedgerCaptureDuplicate, LedgerCaptureMissing},
	},
	{Code: "LEDGER_POSTING_LATE", Kind: "cause", Severity: "low", Verdict: "ok", Emitter: "dbquery", Runbook: "ledger", ConfirmedBy: "",
		Rule: "posted but after SLA (entry_id order vs occurred_at)",
	},
	{Code: "SETTLEMENT_RETRY_STARVED", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule: "FAILED, retry_count=0, last_retry_at IS NULL, age >90 s: derived query never selects it",
	},
	{Code: "SETTLEMENT_DEAD_LETTER", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule:     "FAILED and retry_count>=10",
		Explains: []Code{DLQGrowing},
	},
	{Code: "SETTLEMENT_PENDING_STUCK", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule:     "PENDING visible at all for >60 s (never committed by healthy code)",
		Explains: []Code{SettlementMissing},
	},
	{Code: "SETTLEMENT_MISSING", Kind: "symptom", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule: "CAPTURE_REQUESTED older than 300 s, outbox published, no settlement row",
	},
	{Code: "SETTLEMENT_DUPLICATE", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule:     ">1 settlement_request rows for a payment (no unique key)",
		Explains: []Code{ConsumerMessageDropped, SettlementMissing},
	},
	{Code: "SETTLEMENT_AMOUNT_MISMATCH", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule: "SUCCESS row request_amount != payment.amount",
	},
	{Code: "SETTLEMENT_STATUS_CONFLICT", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule:     "SUCCESS settlement but payment in CAPTURE_REQUESTED/CAPTURE_FAILED",
		Explains: []Code{LedgerCaptureMissing, SettlementMissing},
	},
	{Code: "SETTLEMENT_FAILURE_SPIKE", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule:     "FAILED/(FAILED+SUCCESS) in window >=20% (baseline 5%)",
		Explains: []Code{SettlementRetryStarved},
	},
	{Code: "CAPTURE_EVIDENCE_MISSING", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "settlement", ConfirmedBy: "",
		Rule: "captured-family payment with neither SUCCESS settlement nor PAYMENT_CAPTURED outbox row",
	},
	{Code: "REFUND_RETRY_STARVED", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "refunds", ConfirmedBy: "",
		Rule: "as settlement, on refund_request",
	},
	{Code: "REFUND_DEAD_LETTER", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "refunds", ConfirmedBy: "",
		Rule:     "FAILED and retry_count>=10",
		Explains: []Code{DLQGrowing},
	},
	{Code: "REFUND_STUCK", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "refunds", ConfirmedBy: "",
		Rule:     "REFUND_REQUESTED older than 300 s",
		Explains: []Code{ConsumerGroupEmpty, ConsumerMessageDropped},
	},
	{Code: "REFUND_EXCEEDS_PAYMENT", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "refunds", ConfirmedBy: "",
		Rule:     "sum(SUCCESS refund_amount) > payment.amount",
		Explains: []Code{RefundDuplicateSuccess},
	},
	{Code: "REFUND_DUPLICATE_SUCCESS", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "refunds", ConfirmedBy: "",
		Rule: ">1 SUCCESS refund rows",
	},
	{Code: "REFUND_STATUS_CONFLICT", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "refunds", ConfirmedBy: "",
		Rule:     "SUCCESS refund but payment not REFUNDED/PARTIAL_REFUNDED, or REFUNDED with no SUCCESS row",
		Explains: []Code{LedgerReversalMissing},
	},
	{Code: "PAYMENT_STATUS_REGRESSION", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "refunds", ConfirmedBy: "",
		Rule: "PAYMENT_REFUND_REQUESTED outbox row exists but status back to CAPTURED",
	},
	{Code: "IDEM_GHOST_RESPONSE", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "idempotency", ConfirmedBy: "rediscache",
		Rule: "idempotency record (DB or Redis) whose paymentId/key has no payment",
	},
	{Code: "IDEM_RECORD_MISSING", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "dbquery", Runbook: "idempotency", ConfirmedBy: "",
		Rule: "payment past grace without idem_response_cache row (loadtest mode off)",
	},
	{Code: "IDEM_RESPONSE_MISMATCH", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "idempotency", ConfirmedBy: "rediscache",
		Rule: "cached paymentId/amount/currency differ from payment",
	},
	{Code: "IDEM_RESPONSE_CORRUPT", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "rediscache", Runbook: "idempotency", ConfirmedBy: "dbquery",
		Rule: "value not valid PaymentResponse JSON",
	},
	{Code: "IDEM_CROSS_SHARD_DUPLICATE", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "idempotency", ConfirmedBy: "",
		Rule:     "same (merchant_id,idempotency_key) on both (distinct) shards",
		Explains: []Code{ShardMisroutedMerchant},
	},
	{Code: "SHARD_MISROUTED_MERCHANT", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "database", ConfirmedBy: "",
		Rule: "merchant rows on a shard that setShardByMerchantId would not choose",
	},
	{Code: "SHARDS_SAME_DATABASE", Kind: "symptom", Severity: "info", Verdict: "ok", Emitter: "dbquery", Runbook: "database", ConfirmedBy: "",
		Rule: "both DSNs reach the same server_uid/hostname/port: run shard checks once",
	},
	{Code: "DB_SHARD_UNREACHABLE", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "dbquery", Runbook: "database", ConfirmedBy: "",
		Rule:     "one shard: dial/handshake failure; the other answers",
		Explains: []Code{ConsumerLagGrowing, ConsumerPartitionStuck, DBPoolExhausted, DLQGrowing, Ingest5xxSpike, IngestLatencyHigh, OutboxBacklog, OutboxShardBacklog, SettlementMissing, SrcPartialResult},
	},
	{Code: "DB_REPLICA_LAG", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "dbquery", Runbook: "database", ConfirmedBy: "",
		Rule: "Seconds_Behind_Master>10 or heartbeat age; answers are stale",
	},
	{Code: "DB_SCHEMA_DRIFT", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "dbquery", Runbook: "database", ConfirmedBy: "",
		Rule:     "expected table/column/index/type missing (ddl-auto:update, no migrations)",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "DB_LOCK_CONTENTION", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "database", ConfirmedBy: "",
		Rule:     "deadlocks / row-lock waits on outbox_event; long trx",
		Explains: []Code{ConsumerLagGrowing, DBPoolExhausted, Ingest5xxSpike, IngestLatencyHigh, OutboxBacklog, OutboxShardBacklog},
	},
	{Code: "DB_TOO_MANY_CONNECTIONS", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "dbquery", Runbook: "connections", ConfirmedBy: "",
		Rule:     "error 1040, or Threads_connected/max_connections>=90%",
		Explains: []Code{ConsumerLagGrowing, DBPoolExhausted, Ingest5xxSpike, IngestLatencyHigh, OutboxBacklog, OutboxShardBacklog, SrcPartialResult},
	},
	{Code: "RATE_KEY_NO_TTL_BLOCKING", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "rediscache", Runbook: "ratelimit", ConfirmedBy: "",
		Rule:     "rate:* TTL==-1 AND count>capacity: merchant blocked for ever",
		Explains: []Code{Ingest429Spike, RateLimited, RateNearLimit},
	},
	{Code: "RATE_KEY_NO_TTL_LATENT", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "rediscache", Runbook: "ratelimit", ConfirmedBy: "",
		Rule: "rate:* TTL==-1, count<=capacity, seen on 2 probes",
	},
	{Code: "RATE_LIMITED", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "rediscache", Runbook: "ratelimit", ConfirmedBy: "",
		Rule:     "count>capacity with 0<TTL<=window (expected throttling)",
		Explains: []Code{Ingest429Spike},
	},
	{Code: "RATE_NEAR_LIMIT", Kind: "symptom", Severity: "info", Verdict: "ok", Emitter: "rediscache", Runbook: "ratelimit", ConfirmedBy: "",
		Rule: "80-100% of capacity, TTL ok",
	},
	{Code: "RATE_KEY_CORRUPT", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "ratelimit", ConfirmedBy: "",
		Rule: "rate:* not an integer string / wrong type: limiter silently fails open for that merchant",
	},
	{Code: "RATE_WINDOW_MISMATCH", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "rediscache", Runbook: "ratelimit", ConfirmedBy: "",
		Rule:     "TTL > configured window",
		Explains: []Code{RateLimited},
	},
	{Code: "RATE_LIMITER_FAIL_OPEN", Kind: "symptom", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "ratelimit", ConfirmedBy: "",
		Rule: "writes rejected/unreachable => limiter and idempotency L1 off (symptom)",
	},
	{Code: "IDEM_KEY_NO_TTL", Kind: "cause", Severity: "medium", Verdict: "attention", Emitter: "rediscache", Runbook: "idempotency", ConfirmedBy: "",
		Rule: "idem:* TTL==-1 (ttl-seconds<=0 or foreign writer)",
	},
	{Code: "REDIS_UNREACHABLE", Kind: "cause", Severity: "critical", Verdict: "critical", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule:     "connect refused/timeout",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse},
	},
	{Code: "REDIS_SLOW", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule:     "PING/command p95 >50 ms, slowlog growing, blocked clients",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse, RedisUnreachable},
	},
	{Code: "REDIS_LOADING", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule:     "LOADING reply / loading:1",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse, SrcPartialResult},
	},
	{Code: "REDIS_READONLY", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule:     "role:slave or READONLY on the instance ingest writes to",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse},
	},
	{Code: "REDIS_WRITES_REJECTED_OOM", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule:     "used_memory>=maxmemory, noeviction (or volatile-* w/o TTL keys); errorstat_OOM rising",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse},
	},
	{Code: "REDIS_WRITES_REJECTED_MISCONF", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule:     "rdb_last_bgsave_status:err + stop-writes-on-bgsave-error; errorstat_MISCONF",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse},
	},
	{Code: "REDIS_EVICTING", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule:     "evicted_keys rate>0",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse},
	},
	{Code: "REDIS_DATA_LOSS", Kind: "cause", Severity: "high", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "dbquery",
		Rule:     "uptime small or 0 idem keys while DB has idem rows <600 s old",
		Explains: []Code{IngestLatencyHigh, RateLimited, RateLimiterFailOpen, RedisHitRateCollapse},
	},
	{Code: "REDIS_HIT_RATE_COLLAPSE", Kind: "symptom", Severity: "medium", Verdict: "attention", Emitter: "rediscache", Runbook: "redis", ConfirmedBy: "",
		Rule: "ONLY if replay traffic exists; see near miss NM-07",
	},
	{Code: "SRC_PROM_UNREACHABLE", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "dial/timeout",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_PROM_ERROR", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "HTTP 4xx/5xx or status:error; quote errorType",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_PROM_NO_DATA", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "success but empty vector: absent != 0",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_PROM_STALE", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "newest sample older than 2 scrape intervals / target down",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_API_UNREACHABLE", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "dial refused/DNS",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_API_BAD_GATEWAY", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "502/503/504 from gateway",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_API_NOT_JSON", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "HTML/empty/garbage body",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_API_TIMEOUT", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "deadline exceeded",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_API_SCHEMA", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "JSON but field missing/other type (e.g. \"Not Found\" string)",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_API_NOT_FOUND", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "404: wrong base path (/circuit-breaker vs /api/circuit-breaker)",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_DB_AUTH", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "dbquery", Runbook: "sources", ConfirmedBy: "",
		Rule:     "1045",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_DB_PERMISSION", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "dbquery", Runbook: "sources", ConfirmedBy: "",
		Rule:     "1142/1227",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_DB_TIMEOUT", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "dbquery", Runbook: "sources", ConfirmedBy: "",
		Rule:     "1969 or context deadline",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_REDIS_AUTH", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "rediscache", Runbook: "sources", ConfirmedBy: "",
		Rule:     "NOAUTH/WRONGPASS",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_REDIS_PERMISSION", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "rediscache", Runbook: "sources", ConfirmedBy: "",
		Rule:     "NOPERM",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_REDIS_CLUSTER_MODE", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "rediscache", Runbook: "sources", ConfirmedBy: "",
		Rule:     "MOVED/ASK/CLUSTERDOWN",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_KAFKA_AUTH", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "SASL_AUTHENTICATION_FAILED / TLS handshake",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_KAFKA_PERMISSION", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "*_AUTHORIZATION_FAILED on our admin calls",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_KAFKA_PARTIAL", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "circuitbreaker", Runbook: "sources", ConfirmedBy: "",
		Rule:     "some brokers/partitions did not answer: lag total is a lower bound",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_CLOCK_SKEW", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "dbquery", Runbook: "sources", ConfirmedBy: "rediscache",
		Rule:     "|tool clock - server clock|>2 s; use server clock for ages",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_TIMEZONE_MISMATCH", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "dbquery", Runbook: "sources", ConfirmedBy: "",
		Rule:     "row ages offset by a multiple of 30 min (JDBC UTC vs session tz)",
		Explains: []Code{SrcPartialResult},
	},
	{Code: "SRC_PARTIAL_RESULT", Kind: "source", Severity: "low", Verdict: "unknown", Emitter: "each", Runbook: "sources", ConfirmedBy: "",
		Rule: "row cap/time cap hit: state coverage",
	},
}
