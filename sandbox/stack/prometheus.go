package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"payops-mcp/sandbox/stack/proc"
)

// IngestJob is the job under which Prometheus scrapes the ingest service.
const IngestJob = "ingest-service"

// targetsFile, in Prometheus's folder, says what it scrapes as a job.
func targetsFile(job string) string { return job + ".json" }

// Prometheus is the one Prometheus server.
type Prometheus struct {
	service
	dir string                                   // where the files are that say what to scrape; "" when attached from afar
	set func(job string, targets []Target) error // in place of files, in an assembled stack
}

// URL is the base URL of the server itself.
func (p *Prometheus) URL() string { return "http://" + p.addr }

// API is a client for the server itself.
func (p *Prometheus) API() promv1.API {
	c, err := api.NewClient(api.Config{Address: p.URL()})
	if err != nil {
		panic(fmt.Sprintf("stack: URL of prometheus: %v", err))
	}
	return promv1.NewAPI(c)
}

// WaitFor asks a query until it gives at least one sample, and returns them.
func (p *Prometheus) WaitFor(ctx context.Context, query string) (model.Vector, error) {
	for client := p.API(); ; {
		value, _, _, err := client.Query(ctx, query, time.Now())
		if v, ok := value.(model.Vector); err == nil && ok && len(v) > 0 {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("prometheus has nothing for %s: %w", query, errors.Join(context.Cause(ctx), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// target is what Prometheus scrapes.
type target interface {
	Job() string
	Instance() string
	ScrapeLabels() map[string]string
	scrapeAddr() string
}

// targets are all that the stack's Prometheus scrapes.
func (s *Stack) targets() []target {
	var all []target
	for _, i := range s.Ingest {
		all = append(all, i)
	}
	for _, p := range s.Paysim {
		if p.Job() != "" {
			all = append(all, p)
		}
	}
	return all
}

// WaitScraped waits until everything that is scraped was scraped after this
// call began: a change made before the call can then be seen in the metrics.
func (s *Stack) WaitScraped(ctx context.Context) error {
	return s.Prometheus.waitScraped(ctx, s.targets()...)
}

// WaitScraped waits until each of the instances was scraped after this call
// began; see Stack.WaitScraped.
func (p *Prometheus) WaitScraped(ctx context.Context, instances ...*Ingest) error {
	return p.waitScraped(ctx, asTargets(instances)...)
}

func (p *Prometheus) waitScraped(ctx context.Context, targets ...target) error {
	since := float64(time.Now().UnixMilli()) / 1000
	for _, t := range targets {
		if _, err := p.WaitFor(ctx, fmt.Sprintf(`timestamp(up{job=%q,instance=%q}) > %.3f`, t.Job(), t.Instance(), since)); err != nil {
			return err
		}
	}
	return nil
}

func asTargets(instances []*Ingest) []target {
	var all []target
	for _, i := range instances {
		all = append(all, i)
	}
	return all
}

// SetTargets changes which stand-ins for the ingest service are known to
// Prometheus, as the service registry does when one registers or leaves.
// Without any, the series of up for the job end. It takes effect after some
// seconds.
func (p *Prometheus) SetTargets(instances ...*Ingest) error {
	return p.setTargets(IngestJob, asTargets(instances)...)
}

// Register is SetTargets for the ingest instances of a living stack.
func (p *Prometheus) Register(instances ...*Paysim) error {
	var all []target
	for _, i := range instances {
		all = append(all, i)
	}
	return p.setTargets(IngestJob, all...)
}

// setTargets changes what is scraped as a job.
func (p *Prometheus) setTargets(job string, targets ...target) error {
	if p.set != nil {
		var all []Target
		for _, t := range targets {
			all = append(all, Target{t.scrapeAddr(), t.ScrapeLabels()})
		}
		return p.set(job, all)
	}
	if p.dir == "" {
		return fmt.Errorf("change the targets of prometheus: %w", ErrAttached)
	}
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	groups := []group{}
	for _, t := range targets {
		groups = append(groups, group{[]string{t.scrapeAddr()}, t.ScrapeLabels()})
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return err
	}
	// Renamed into place: Prometheus may look at any moment.
	file := filepath.Join(p.dir, targetsFile(job))
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// writeTargets says what is scraped when Prometheus starts, and returns the
// lines of its configuration about it.
func (s *Stack) writeTargets(p *Prometheus) (config string, err error) {
	jobs := map[string][]target{IngestJob: nil}
	for _, t := range s.targets() {
		jobs[t.Job()] = append(jobs[t.Job()], t)
	}
	for _, job := range slices.Sorted(maps.Keys(jobs)) {
		if err := p.setTargets(job, jobs[job]...); err != nil {
			return "", err
		}
		config += fmt.Sprintf(`  - job_name: %s
    metrics_path: /actuator/prometheus
    file_sd_configs:
      - files: [%s]
`, job, targetsFile(job))
	}
	return config, nil
}

// ping asks once whether the server is ready.
func (p *Prometheus) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"/-/ready", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(resp.Status))
	}
	return errors.Join(err, resp.Body.Close())
}

func (s *Stack) startPrometheus(ctx context.Context) (*Prometheus, error) {
	server, err := binary("prometheus")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.Dir, "prometheus")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "prometheus.yml")
	p := &Prometheus{dir: dir}
	jobs, err := s.writeTargets(p)
	if err != nil {
		return nil, err
	}
	// The service's own tag "application" arrives as exported_application,
	// because the target carries a label of that name already.
	text := fmt.Sprintf(`global:
  scrape_interval: %[1]s
  scrape_timeout: %[1]s
scrape_configs:
%[2]s`, model.Duration(s.options.ScrapeInterval), jobs)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	_, err = s.launch(ctx, &p.service, "prometheus", time.Now(), func(addr string) (proc.Spec, error) {
		return proc.Spec{Path: server, Args: []string{
			"--config.file=" + conf,
			"--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--storage.tsdb.retention.time=" + model.Duration(s.options.Retention).String(),
			"--web.listen-address=" + addr,
			"--web.enable-admin-api", "--web.enable-lifecycle",
			"--log.level=warn",
		}}, nil
	}, p.ping)
	if err != nil {
		return nil, err
	}
	return p, nil
}
