package stack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/port"
	"payops-mcp/sandbox/stack/proc"
)

// KafkaOptions says which Kafka to run.
type KafkaOptions struct {
	// Supervisor runs the brokers and owns the folder that they live in. It
	// must be given; closing it ends them at once.
	Supervisor *proc.Supervisor
	// Version is a release line, one of KafkaVersions. It must be given.
	Version string
	// Name begins the names of brokers, folders and logs; "" means "kafka".
	// Two clusters under one supervisor need different names.
	Name string
	// Brokers is how many there are, each of them a controller as well; 0
	// means 1. Replicated topics, and a quorum that survives, need 3.
	Brokers int
	// HeapMB limits each broker's Java heap; 0 means 256.
	HeapMB int
	// Proxied puts a proxy in front of each broker, for SetNetwork. Brokers
	// among themselves do not go through it.
	Proxied bool
	// Security, when set, closes the brokers to clients without a password.
	Security *KafkaSecurity
	// TLS has clients speak TLS; their connections are trusted by CAFile.
	// AdminAddr stays plain.
	TLS bool
	// Accounts are names and passwords of clients that log in, at AccountsAddr,
	// by SASL. What an ACL denies to one of them it may not do; whoever comes
	// without an account may do everything, as if there were none. Not together
	// with Security.
	Accounts map[string]string
	// Config adds or replaces settings of server.properties.
	Config map[string]string
	// Log gets a line for each step and how long it took; nil means nowhere.
	Log io.Writer
}

// KafkaSecurity asks clients for SASL (PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512).
// AdminAddr stays open.
type KafkaSecurity struct {
	// Users are names and passwords; letters and digits only.
	Users map[string]string
	// ACLs refuses whatever no ACL allows. Nobody may do anything then until
	// ACLs were made, through AdminAddr.
	ACLs bool
}

// Kafka is a private cluster of real brokers in KRaft mode, child processes on
// loopback ports of their own. As a [Part] it is all of them at once.
type Kafka struct {
	opt     KafkaOptions
	release kafkaRelease
	java    string // the executable
	jars    string // the folder
	cluster string // the cluster's id
	log     logger
	brokers []*KafkaBroker
}

// StartKafka fetches Kafka where it was not fetched before, starts it and
// returns when every broker serves clients. Close it in the end.
func StartKafka(ctx context.Context, opt KafkaOptions) (*Kafka, error) {
	if opt.Supervisor == nil {
		return nil, errors.New("StartKafka needs a Supervisor")
	}
	if opt.Accounts != nil && opt.Security != nil {
		return nil, errors.New("StartKafka takes Security or Accounts, not both")
	}
	if opt.Brokers == 0 {
		opt.Brokers = 1
	}
	if opt.HeapMB == 0 {
		opt.HeapMB = 256
	}
	if opt.Name == "" {
		opt.Name = "kafka"
	}
	release, err := findKafkaRelease(opt.Version)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	id[0] &= 0x3f // an id that begins with '-' is taken for an option
	k := &Kafka{
		opt: opt, release: release,
		cluster: base64.RawURLEncoding.EncodeToString(id),
		log:     logger{w: opt.Log},
	}
	if k.java, err = findJava(ctx, release); err != nil {
		return nil, err
	}
	err = k.timed("jars at hand", func() error {
		k.jars, err = release.fetch(ctx, opt.Supervisor)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := k.begin(ctx); err != nil {
		return nil, errors.Join(err, k.Kill(ctx), k.Close())
	}
	return k, nil
}

// begin makes the brokers and starts them for the first time.
func (k *Kafka) begin(ctx context.Context) error {
	for id := range k.opt.Brokers {
		b, err := k.newBroker(id + 1)
		if err != nil {
			return err
		}
		k.brokers = append(k.brokers, b)
	}
	if k.opt.TLS {
		if err := k.writeCertificates(); err != nil {
			return err
		}
	}
	for _, b := range k.brokers {
		if err := os.WriteFile(b.config(), []byte(k.properties(b)), 0o600); err != nil {
			return err
		}
	}
	format := func(b *KafkaBroker) error { return b.format(ctx) }
	if err := k.timed("storage formatted", func() error { return k.each(format) }); err != nil {
		return err
	}
	return k.timed("ready", func() error { return k.Start(ctx) })
}

// timed does something and logs that it is done.
func (k *Kafka) timed(done string, do func() error) error {
	start := time.Now()
	err := do()
	if err == nil {
		k.log.printf("%s (Kafka %s): %s after %s", k.opt.Name, k.release.version, done, time.Since(start).Round(time.Millisecond))
	}
	return err
}

// newBroker gives a broker its folder, ports and proxy.
func (k *Kafka) newBroker(id int) (*KafkaBroker, error) {
	b := &KafkaBroker{kafka: k, id: id}
	b.name = fmt.Sprintf("%s-%d", k.opt.Name, id)
	b.dir = filepath.Join(k.opt.Supervisor.Dir(), b.name)
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, fmt.Errorf("a folder for %s; does another cluster have the name? %w", b.name, err)
	}
	for _, addr := range []*string{&b.addr, &b.internal, &b.controller, &b.accounts} {
		var err error
		if *addr, err = port.Free(); err != nil {
			return nil, err
		}
	}
	b.clientAddr = b.addr
	c := &child{
		sup:   k.opt.Supervisor,
		ready: b.ready,
		spec: proc.Spec{
			Name: b.name,
			Path: k.java,
			Args: k.jvm(b.dir, k.opt.HeapMB, "kafka.Kafka", b.config()),
		},
	}
	b.child, b.control = c, c
	if k.opt.Proxied {
		var err error
		if c.proxy, err = listenProxy(b.addr); err != nil {
			return nil, err
		}
		b.clientAddr = c.proxy.Addr()
	}
	return b, nil
}

// each does something with all brokers side by side.
func (k *Kafka) each(do func(*KafkaBroker) error) error {
	errs := make([]error, len(k.brokers))
	var all sync.WaitGroup
	for i, b := range k.brokers {
		all.Go(func() { errs[i] = do(b) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// addrs joins one address of each broker to a comma list.
func (k *Kafka) addrs(of func(*KafkaBroker) string) string {
	list := make([]string, len(k.brokers))
	for i, b := range k.brokers {
		list[i] = of(b)
	}
	return strings.Join(list, ",")
}

// Name is the one in KafkaOptions.
func (k *Kafka) Name() string { return k.opt.Name }

// Version is the exact release, as in "3.9.2".
func (k *Kafka) Version() string { return k.release.version }

// Bootstrap is the same as ClientAddr.
func (k *Kafka) Bootstrap() string { return k.ClientAddr() }

// Addr is the comma list of addresses on which the brokers wait for clients.
// They send clients on to ClientAddr.
func (k *Kafka) Addr() string { return k.addrs((*KafkaBroker).Addr) }

// ClientAddr is the comma list of addresses for clients.
func (k *Kafka) ClientAddr() string { return k.addrs((*KafkaBroker).ClientAddr) }

// AdminAddr is the comma list of addresses on which brokers speak to each
// other: no password, all rights, no proxy. For setting a scene, not for the
// program under test.
func (k *Kafka) AdminAddr() string {
	return k.addrs(func(b *KafkaBroker) string { return b.internal })
}

// AccountsAddr is the comma list of addresses at which clients log in; see
// KafkaOptions.Accounts. There is no proxy in front of them.
func (k *Kafka) AccountsAddr() string {
	if k.opt.Accounts == nil {
		return ""
	}
	return k.addrs(func(b *KafkaBroker) string { return b.accounts })
}

// CAFile is the certificate that clients trust who speak TLS to it, as PEM.
func (k *Kafka) CAFile() string { return filepath.Join(k.opt.Supervisor.Dir(), k.opt.Name+"-ca.pem") }

// Brokers are all of them, running or not, by id.
func (k *Kafka) Brokers() []*KafkaBroker { return k.brokers }

// Broker is the one with that id; the first is 1. It panics if there is none.
func (k *Kafka) Broker(id int) *KafkaBroker { return k.brokers[id-1] }

// Start starts all brokers that do not run, with the data they had, on the
// same ports. It returns when each of them serves clients and every partition
// has a leader.
func (k *Kafka) Start(ctx context.Context) error {
	if err := k.each(func(b *KafkaBroker) error { return b.Start(ctx) }); err != nil {
		return err
	}
	return k.waitLeaders(ctx)
}

// Stop asks all brokers to end and waits until they have.
func (k *Kafka) Stop(ctx context.Context) error {
	return k.each(func(b *KafkaBroker) error { return b.Stop(ctx) })
}

// Kill ends all brokers at once, as a power cut does.
func (k *Kafka) Kill(ctx context.Context) error {
	return k.each(func(b *KafkaBroker) error { return b.Kill(ctx) })
}

// Pause freezes all brokers: they accept connections and stay silent.
func (k *Kafka) Pause(ctx context.Context) error {
	return k.each(func(b *KafkaBroker) error { return b.Pause(ctx) })
}

// Resume wakes all brokers up again.
func (k *Kafka) Resume(ctx context.Context) error {
	return k.each(func(b *KafkaBroker) error { return b.Resume(ctx) })
}

// SetNetwork breaks or mends the network in front of all brokers; it needs
// KafkaOptions.Proxied.
func (k *Kafka) SetNetwork(ctx context.Context, f faultnet.Fault) error {
	return k.each(func(b *KafkaBroker) error { return b.SetNetwork(ctx, f) })
}

// Close ends the proxies. The supervisor ends the brokers.
func (k *Kafka) Close() error {
	return k.each(func(b *KafkaBroker) error { return b.child.close() })
}
