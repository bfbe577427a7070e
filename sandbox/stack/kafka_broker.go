package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/stack/proc"
)

// KafkaBroker is one broker of a cluster: a [Part].
type KafkaBroker struct {
	service
	kafka                *Kafka
	child                *child // the service's control
	id                   int
	dir                  string
	internal, controller string // the addresses that are not for clients
	accounts             string // where clients log in; see KafkaOptions.Accounts
}

// ID is the broker's node id; the first is 1.
func (b *KafkaBroker) ID() int { return b.id }

// Pid is the process id; 0 when the broker does not run.
func (b *KafkaBroker) Pid() int {
	b.child.mu.Lock()
	defer b.child.mu.Unlock()
	if !b.child.running() {
		return 0
	}
	return b.child.proc.Pid()
}

// config is the path of server.properties.
func (b *KafkaBroker) config() string { return filepath.Join(b.dir, "server.properties") }

// jvm is the command line of Java for one of Kafka's main classes: small, and
// quick to start rather than quick in the long run.
func (k *Kafka) jvm(dir string, heapMB int, class string, args ...string) []string {
	return append([]string{
		"-Xmx" + strconv.Itoa(heapMB) + "m",
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-XX:+ExitOnOutOfMemoryError",
		// These three keep files in our folder that would stay behind
		// elsewhere: counters, unpacked native libraries, crash reports.
		"-XX:-UsePerfData",
		"-Djava.io.tmpdir=" + dir,
		"-XX:ErrorFile=" + filepath.Join(dir, "crash.log"),
		"-Djava.net.preferIPv4Stack=true",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		// Java expands this itself; no shell is involved.
		"-cp", filepath.Join(k.jars, "*"),
		class,
	}, args...)
}

// format prepares the broker's folder for its first start.
func (b *KafkaBroker) format(ctx context.Context) error {
	args := []string{"format", "--config", b.config(), "--cluster-id", b.kafka.cluster}
	for _, credential := range b.kafka.scramCredentials() {
		args = append(args, "--add-scram", credential)
	}
	return b.kafka.opt.Supervisor.Run(ctx, proc.Spec{
		Name: b.name + "-format",
		Path: b.kafka.java,
		Args: b.kafka.jvm(b.dir, 64, "kafka.tools.StorageTool", args...),
	})
}

// ready asks once whether the broker finds itself part of the cluster and its
// port for clients is open.
func (b *KafkaBroker) ready(ctx context.Context) error {
	meta, err := kafkaMetadata(ctx, b.internal)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(meta.Brokers, func(other kafka.Broker) bool { return other.ID == b.id }) {
		return errors.New("the cluster does not list the broker yet")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// kafkaMetadata asks one broker what it knows of the cluster. Each call has a
// transport of its own, because transports answer from their cache.
func kafkaMetadata(ctx context.Context, addr string) (*kafka.MetadataResponse, error) {
	transport := &kafka.Transport{DialTimeout: time.Second}
	defer transport.CloseIdleConnections()
	return (&kafka.Client{Transport: transport, Timeout: 2 * time.Second}).
		Metadata(ctx, &kafka.MetadataRequest{Addr: kafka.TCP(addr)})
}

// poll tries until it works or startWithin has passed. The error then carries
// the last one that was met.
func poll(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last: %w", what, context.Cause(ctx), err)
		}
	}
}
