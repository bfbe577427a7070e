package paysim

import (
	"fmt"
	"time"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/api"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/meter"
	"payops-mcp/sandbox/paysim/outbox"
	"payops-mcp/sandbox/paysim/payments"
	"payops-mcp/sandbox/paysim/quota"
	"payops-mcp/sandbox/paysim/worker"
)

func (p *Process) startGateway() error {
	g, err := gateway.New(p.settings.behaviour())
	if err != nil {
		return err
	}
	return p.serve(RoleGateway, p.settings.GatewayAddr, g.Handler())
}

func (p *Process) startIngest() error {
	s := p.settings
	toKafka, toGateway := breaker.KafkaPublisher, breaker.PGAuthAPI
	toKafka.WaitOpen, toGateway.WaitOpen = s.KafkaWait, s.GatewayWait
	publisher, pg := breaker.New(wire.KafkaPublisher, toKafka), breaker.New(wire.PGAuthAPI, toGateway)
	p.breakers = append(p.breakers, publisher, pg)

	m := meter.New("ingest-service")
	m.Breakers(publisher, pg)
	m.Pools("HikariPool-", p.cluster)
	m.Producer("ingest-service-producer-1", p.producer)
	m.Template("kafkaTemplate", p.producer)

	poller := outbox.NewPoller(p.cluster, &outbox.Publisher{Producer: p.producer, Breaker: publisher, Defects: p.defects},
		s.outbox(), s.Instance, fmt.Sprintf("ingest-service-%d", s.Instance), p.log)
	p.loop("poller", poller, poller.Run)

	a := &api.API{
		Payments: &payments.Service{
			Cluster: p.cluster, Redis: p.redis, Gateway: p.pg, Breaker: pg, Defects: p.defects, Log: p.log,
			Limiter: &quota.Limiter{Redis: p.redis, Limits: s.limits(), Defects: p.defects},
			IdemTTL: time.Duration(s.IdemSeconds) * time.Second,
		},
		Publisher: publisher, Meter: m, Healthy: p.healthy, Monitoring: s.Monitoring, Log: p.log,
	}
	return p.serve(RoleIngest, s.Addr, a.Handler())
}

func (p *Process) desk() *worker.Desk {
	return &worker.Desk{Cluster: p.cluster, Producer: p.producer, Login: p.settings.login(), Gateway: p.pg, Defects: p.defects, Log: p.log}
}

// listener is what Spring names the one listener of a service.
const listener = "org.springframework.kafka.KafkaListenerEndpointContainer#0-0"

func (p *Process) startSettlement() error {
	desk := p.desk()
	retries := desk.SettlementRetries(p.settings.retries())
	p.loop("settlement-retries", retries, retries.Run)
	return p.startWorker(RoleSettlement, "settlement-worker", p.settings.SettlementAddr, desk.Settlement(p.settings.Kafka))
}

func (p *Process) startRefund() error {
	desk := p.desk()
	retries := desk.RefundRetries(p.settings.retries())
	p.loop("refund-retries", retries, retries.Run)
	return p.startWorker(RoleRefund, "refund-worker", p.settings.RefundAddr, desk.Refund(p.settings.Kafka))
}

func (p *Process) startLedger() error {
	return p.startWorker(RoleLedger, "consumer-worker", p.settings.LedgerAddr, p.desk().Ledger(p.settings.Kafka))
}

func (p *Process) startWorker(role, application, addr string, c *bus.Consumer) error {
	m := meter.New(application)
	m.Pools("HikariPool-Shard", p.cluster)
	m.Listener(listener, c)
	if role == RoleLedger {
		m.Consumer("consumer-"+bus.LedgerGroup+"-1", c)
	}
	p.loop(c.Name(), c, c.Run)
	return p.serve(role, addr, p.actuator(m))
}
