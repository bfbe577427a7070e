package stack

import (
	"context"
	"net/url"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/ingest"
)

// Ingest is one instance of the stand-in for the ingest service. Its state and
// its faults are set through the embedded client, also when attached.
type Ingest struct {
	*ingest.Client
	name, url string
	server    *ingest.Server // nil when attached
}

// Name is unique in the stack, as in "ingest1".
func (i *Ingest) Name() string { return i.name }

// URL is the base URL for callers.
func (i *Ingest) URL() string { return i.url }

// Addr is the host and port of URL.
func (i *Ingest) Addr() string { return hostOf(i.url) }

// ClientAddr is Addr: an instance has its faults built in.
func (i *Ingest) ClientAddr() string { return i.Addr() }

// Instance is the label that Prometheus puts on the instance's series, in the
// form of a service registry's id: host, application and port.
func (i *Ingest) Instance() string { return registered(i.Addr()) }

// registered is the id of an ingest instance in the service registry.
func registered(addr string) string {
	host, port := hostPort(addr)
	return host + ":ingest-service:" + port
}

// Job is the job under which Prometheus scrapes the instance.
func (i *Ingest) Job() string { return IngestJob }

// ScrapeLabels are the labels that Prometheus puts on what it scrapes from the
// instance, beside the job.
func (i *Ingest) ScrapeLabels() map[string]string {
	return map[string]string{"application": "INGEST-SERVICE", "instance": i.Instance()}
}

// scrapeAddr is where Prometheus finds the metrics.
func (i *Ingest) scrapeAddr() string { return hostOf(i.AdminURL()) }

func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Host
}

// Stop makes the instance refuse, for callers and for the scrape.
func (i *Ingest) Stop(ctx context.Context) error {
	return i.SetFault(ctx, ingest.Fault{Kind: ingest.Refuse, Scrape: true})
}

// Kill is Stop.
func (i *Ingest) Kill(ctx context.Context) error { return i.Stop(ctx) }

// Start ends every fault.
func (i *Ingest) Start(ctx context.Context) error { return i.SetFault(ctx, ingest.Fault{}) }

// Pause makes the instance accept and never answer.
func (i *Ingest) Pause(ctx context.Context) error {
	return i.SetFault(ctx, ingest.Fault{Kind: ingest.BlackHole, Scrape: true})
}

// Resume is Start.
func (i *Ingest) Resume(ctx context.Context) error { return i.Start(ctx) }

// SetNetwork breaks the way of callers to the instance, not that of the scrape.
func (i *Ingest) SetNetwork(ctx context.Context, f faultnet.Fault) error {
	if err := f.Validate(); err != nil {
		return err
	}
	kinds := map[faultnet.Mode]ingest.FaultKind{
		faultnet.Refuse: ingest.Refuse, faultnet.BlackHole: ingest.BlackHole, faultnet.Reset: ingest.Reset,
	}
	return i.SetFault(ctx, ingest.Fault{Kind: kinds[f.Mode], Latency: f.Latency})
}

func startIngest(name string, o ingest.Options) (*Ingest, error) {
	server, err := onFreeAddr(func(addr string) (*ingest.Server, error) {
		o.Addr, o.AdminAddr = addr, ""
		return ingest.Listen(o)
	})
	if err != nil {
		return nil, err
	}
	return &Ingest{Client: ingest.NewClient(server.AdminURL()), name: name, url: server.URL(), server: server}, nil
}
