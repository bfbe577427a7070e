package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/proc"
	"payops-mcp/sandbox/stack/stacktest"
)

// said is what a command has written so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// serve runs the command until the test ends, which has to end it without an
// error, and returns the addresses that it tells.
func serve(t *testing.T, args ...string) (api, control string, log *said) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log = &said{}
	ended := make(chan error, 1)
	go func() {
		ended <- serveIngest(ctx, append([]string{"--addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"}, args...), log)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with: %v", err)
		}
		if c, err := net.Dial("tcp", strings.TrimPrefix(api, "http://")); err == nil {
			_ = c.Close()
			t.Errorf("it has ended, and %s still answers", api)
		}
	})
	told := regexp.MustCompile(`ingest stand-in on (\S+), control on (\S+)\n`)
	deadline := time.After(2 * time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if found := told.FindStringSubmatch(log.String()); found != nil {
			return found[1], found[2], log
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("it ended at once: %v: %s", err, log)
		case <-deadline:
			t.Fatalf("it does not tell where it listens: %s", log)
		case <-tick.C:
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// As a program the stand-in has all that it has in a stack: the API, the
// metrics, and a second port that changes what both tell.
func TestIngestAsAProgram(t *testing.T) {
	api, control, _ := serve(t, "--prefix=/api", "--monitoring")
	if err := ingest.NewClient(control).SetBreaker(t.Context(), ingest.KafkaPublisher, ingest.Breaker{State: ingest.ForcedOpen}); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		api + "/api/circuit-breaker/status":        `"state":"FORCED_OPEN"`,
		api + "/monitoring/circuit-breaker/status": `"state":"FORCED_OPEN"`,
		api + "/actuator/health":                   `"UP"`,
		api + "/actuator/prometheus":               `name="kafka-publisher",state="forced_open"} 1`,
		control + "/actuator/prometheus":           `name="kafka-publisher",state="forced_open"} 1`,
		control + "/state":                         `"FORCED_OPEN"`,
	} {
		if status, body := get(t, url); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d without %s: %s", url, status, want, body)
		}
	}
}

func TestIngestRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, args := range map[string][]string{
		"an unknown flag":   {"--port=8080"},
		"a word":            {"now"},
		"an address in use": {"--addr=" + taken.Addr().String()},
		"no Kafka":          {"--topics-at=127.0.0.1:1"},
	} {
		if err := serveIngest(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%s is fine", name)
		}
	}
	var usage bytes.Buffer
	if err := serveIngest(t.Context(), []string{"--help"}, &usage); !errors.Is(err, flag.ErrHelp) || !strings.Contains(usage.String(), "-topics-at BROKERS") {
		t.Errorf("--help: %v: %s", err, usage.String())
	}
}

// The topics are created with the payment system's partitions before anybody is
// answered, and a second instance finds them there.
func TestIngestCreatesTopics(t *testing.T) {
	stacktest.Require(t, stack.PartKafka)
	sup, err := proc.New(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sup.Close() })
	k, err := stack.StartKafka(t.Context(), stack.KafkaOptions{Supervisor: sup, Version: "3.9", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })

	for range 2 {
		if _, _, log := serve(t, "--topics-at="+k.Bootstrap()); !strings.Contains(log.String(), "topics are there") {
			t.Errorf("it says: %s", log)
		}
	}
	client := &kafka.Client{Addr: kafka.TCP(k.Bootstrap()), Transport: &kafka.Transport{}}
	got, err := client.Metadata(t.Context(), &kafka.MetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	partitions := map[string]int{}
	for _, topic := range got.Topics {
		partitions[topic.Name] = len(topic.Partitions)
	}
	for _, want := range stack.PaymentTopics(1) {
		if partitions[want.Name] != want.Partitions {
			t.Errorf("%s has %d partitions, want %d; there are %s", want.Name, partitions[want.Name], want.Partitions, fmt.Sprint(partitions))
		}
	}
}
