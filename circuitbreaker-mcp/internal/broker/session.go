package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"payops-mcp/shared/fault"
)

// patience is how long one bootstrap server is waited for before the next is
// asked beside it.
const patience = 300 * time.Millisecond

// OffsetsTopic is where Kafka keeps its groups: without a leader of one of its
// partitions some groups cannot be asked, nor commit. A cluster that does not have
// it has no groups.
const OffsetsTopic = "__consumer_offsets"

// session is one look at a cluster: a connection to each broker, opened when it
// is first needed.
type session struct {
	client *Client
	first  *link // the one that told the metadata; any broker may be asked there
	addrs  map[int32]string
	leader map[string]map[int32]int32

	mu     sync.Mutex
	links  map[int32]*link
	silent map[int32]fault.Source // failed, and not asked again in this session
}

// Cluster asks for the metadata of the cluster, and for min.insync.replicas of
// the named topics. A named topic that the cluster does not have is in the
// answer, as missing.
func (c *Client) Cluster(ctx context.Context, topics []string) Cluster {
	s, told := c.open(ctx, topics)
	defer s.close()
	return told
}

// hello is what asking one bootstrap server came to.
type hello struct {
	link   *link
	answer *metadata.Response
	tried  fault.Source
}

// open finds a bootstrap server that answers and takes the metadata from it. It
// goes on to the next one as soon as one has failed, and beside one that is slow.
func (c *Client) open(ctx context.Context, topics []string) (*session, Cluster) {
	begun := time.Now()
	s := &session{client: c, links: map[int32]*link{}, silent: map[int32]fault.Source{}, addrs: map[int32]string{}, leader: map[string]map[int32]int32{}}
	told := Cluster{Controller: -1, Assumed: c.options.Assumed, Source: fault.Source{Name: "kafka", Asked: "Metadata of " + strings.Join(c.options.Bootstrap, ", ")}}
	asking, enough := context.WithCancel(ctx)
	defer enough()
	answers := make(chan hello, len(c.options.Bootstrap))
	next, pending := 0, 0
	ask := func() {
		if next < len(c.options.Bootstrap) {
			addr := c.options.Bootstrap[next]
			next, pending = next+1, pending+1
			go func() { answers <- c.hello(asking, addr) }()
		}
	}
	slow := time.NewTicker(patience)
	defer slow.Stop()
	for ask(); pending > 0; {
		select {
		case <-slow.C:
			ask()
		case h := <-answers:
			pending--
			told.Tried = append(told.Tried, h.tried)
			if !h.tried.OK() {
				ask()
				continue
			}
			enough()
			go closeLate(answers, pending)
			told.At, told.Source.Took = time.Now(), time.Since(begun)
			s.first = h.link
			told.take(h.answer)
			s.know(told)
			s.complete(ctx, &told, topics)
			told.Source.Took = time.Since(begun)
			return s, told
		}
	}
	told.At, told.Source.Took, told.Source.Err = time.Now(), time.Since(begun), silence(told.Tried)
	return s, told
}

// closeLate closes the connections of those who answer when nobody waits any more.
func closeLate(answers <-chan hello, pending int) {
	for range pending {
		if h := <-answers; h.link != nil {
			h.link.close()
		}
	}
}

// silence is the one failure that stands for all: a broker that refuses us is
// there, so that says more than another that is not.
func silence(tried []fault.Source) *fault.Failure {
	if len(tried) == 0 {
		return &fault.Failure{Class: fault.Unexpected, Said: "no bootstrap server is configured", Next: "Set KAFKA_BOOTSTRAP_SERVERS"}
	}
	for _, class := range []fault.Class{fault.Auth, fault.Permission} {
		for _, t := range tried {
			if t.Err.Class == class {
				return t.Err
			}
		}
	}
	return tried[0].Err
}

func (c *Client) hello(ctx context.Context, addr string) hello {
	begun := time.Now()
	h := hello{tried: fault.Source{Name: "kafka " + addr, Asked: "Metadata of " + addr}}
	l, err := c.dial(ctx, addr)
	if err == nil {
		if err = l.greet(ctx); err == nil {
			h.answer, err = l.metadata(ctx, nil)
		}
		if err != nil {
			l.close()
		} else {
			h.link = l
		}
	}
	h.tried.Err, h.tried.Took = c.failure(err), time.Since(begun)
	return h
}

// metadata asks for topics by name, or for all that we may see.
func (l *link) metadata(ctx context.Context, topics []string) (*metadata.Response, error) {
	// Unless told not to, brokers create a topic that is asked for.
	m, err := l.ask(ctx, &metadata.Request{TopicNames: topics, AllowAutoTopicCreation: false})
	if err != nil {
		return nil, err
	}
	return m[0].(*metadata.Response), nil
}

// take fills in what the metadata says.
func (c *Cluster) take(m *metadata.Response) {
	c.Controller, c.NoLeader = m.ControllerID, m.ControllerID < 0
	for _, b := range m.Brokers {
		c.Brokers = append(c.Brokers, Broker{b.NodeID, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))})
	}
	slices.SortFunc(c.Brokers, func(a, b Broker) int { return int(a.ID - b.ID) })
	for _, t := range m.Topics {
		c.Topics = append(c.Topics, topicOf(t))
	}
	c.sort()
}

func (c *Cluster) sort() {
	slices.SortFunc(c.Topics, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
}

func topicOf(t metadata.ResponseTopic) Topic {
	topic := Topic{Name: t.Name, Internal: t.IsInternal}
	switch code := kafka.Error(t.ErrorCode); code {
	case 0:
	case kafka.UnknownTopicOrPartition, kafka.InvalidTopic:
		topic.Missing = true
	case kafka.TopicAuthorizationFailed:
		topic.Denied = true
	default:
		topic.Err = code.Title()
	}
	for _, p := range t.Partitions {
		leader := p.LeaderID
		if kafka.Error(p.ErrorCode) == kafka.LeaderNotAvailable {
			leader = -1
		}
		topic.Partitions = append(topic.Partitions, Partition{p.PartitionIndex, leader, p.ReplicaNodes, p.IsrNodes})
	}
	slices.SortFunc(topic.Partitions, func(a, b Partition) int { return int(a.ID - b.ID) })
	return topic
}

// know keeps who leads what and where each broker is.
func (s *session) know(c Cluster) {
	for _, b := range c.Brokers {
		s.addrs[b.ID] = b.Addr
		if s.first != nil && s.first.conn.RemoteAddr().String() == b.Addr {
			s.links[b.ID] = s.first
		}
	}
	for _, t := range c.Topics {
		s.leader[t.Name] = map[int32]int32{}
		for _, p := range t.Partitions {
			s.leader[t.Name][p.ID] = p.Leader
		}
	}
}

// complete asks what the list of all topics does not tell: why a topic is not in
// it, and how many replicas each needs in sync.
func (s *session) complete(ctx context.Context, told *Cluster, topics []string) {
	var absent, present []string
	for _, name := range append(slices.Clone(topics), OffsetsTopic) {
		list := &absent
		if _, ok := told.Topic(name); ok {
			list = &present
		}
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	fault.Together(
		func() { s.leading(ctx, told) },
		func() {
			s.why(ctx, told, absent)
			if len(present) > 0 {
				told.MinISR = s.client.failure(s.minISR(ctx, told, present))
			}
		},
	)
}

// leading asks who leads a cluster without ZooKeeper. A broker hands that on to the
// controllers and is silent for as long as they are: so it is asked over a connection of
// its own, which ends with the question, and in half of the time.
func (s *session) leading(ctx context.Context, told *Cluster) {
	if _, quorum := s.first.takes.of(describeQuorumKey); !quorum {
		return
	}
	ctx, cancel := half(ctx)
	defer cancel()
	told.Controller = -1
	leader, err := s.leaderOf(ctx)
	switch {
	case err == nil:
		told.Controller, told.NoLeader = leader, leader < 0
	case !refused(err): // who leads is told for orientation: not being allowed to ask is no loss
		told.Leading = s.client.failure(err)
	}
}

func (s *session) leaderOf(ctx context.Context) (int32, error) {
	l, err := s.client.dial(ctx, s.first.addr)
	if err != nil {
		return -1, err
	}
	defer l.close()
	l.takes = s.first.takes
	m, err := l.ask(ctx, &describeQuorum{})
	if err != nil {
		return -1, err
	}
	q := m[0].(*describeQuorum)
	return q.leader, kafkaError(q.code)
}

// why asks for each of some topics why it is not among those that were told.
func (s *session) why(ctx context.Context, told *Cluster, absent []string) {
	if len(absent) == 0 {
		return
	}
	ctx, cancel := half(ctx)
	defer cancel()
	m, err := s.first.metadata(ctx, absent)
	if err != nil {
		for _, name := range absent {
			told.Topics = append(told.Topics, Topic{Name: name, Err: s.client.failure(err).Said.String()})
		}
	} else {
		for _, t := range m.Topics {
			told.Topics = append(told.Topics, topicOf(t))
		}
	}
	told.sort()
}

const topicResource = 2

func (s *session) minISR(ctx context.Context, told *Cluster, topics []string) error {
	const setting = "min.insync.replicas"
	var q describeconfigs.Request
	for _, name := range topics {
		q.Resources = append(q.Resources, describeconfigs.RequestResource{ResourceType: topicResource, ResourceName: name, ConfigNames: []string{setting}})
	}
	m, err := s.first.ask(ctx, &q)
	if err != nil {
		return err
	}
	var lost error // of one topic, which the others do not make good
	for _, r := range m[0].(*describeconfigs.Response).Resources {
		if r.ErrorCode != 0 {
			lost = kafkaError(r.ErrorCode)
			continue
		}
		for _, e := range r.ConfigEntries {
			i := slices.IndexFunc(told.Topics, func(t Topic) bool { return t.Name == r.ResourceName })
			if e.ConfigName != setting || i < 0 {
				continue
			}
			if told.Topics[i].MinISR, err = strconv.Atoi(e.ConfigValue); err != nil {
				return fmt.Errorf("%w: %s of %s is %q", errNotKafka, setting, r.ResourceName, e.ConfigValue)
			}
		}
	}
	return lost
}

func (s *session) close() {
	for _, l := range s.links {
		l.close()
	}
	if s.first != nil {
		s.first.close()
	}
}

// link returns the connection to a broker. The versions that the first broker
// takes are taken for those of all: they differ, while a cluster is being
// upgraded, in what is newer than what is sent.
func (s *session) link(ctx context.Context, id int32) (*link, error) {
	s.mu.Lock()
	l, addr := s.links[id], s.addrs[id]
	failed, known := s.silent[id]
	s.mu.Unlock()
	switch {
	case known:
		return nil, failed.Err
	case l != nil:
		return l, nil
	case addr == "":
		return nil, fmt.Errorf("the cluster names no address of broker %d", id)
	}
	l, err := s.client.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	l.takes = s.first.takes
	s.mu.Lock()
	s.links[id] = l
	s.mu.Unlock()
	return l, nil
}

// each asks brokers side by side, each on its own connection. It gives them half
// of the time that is left, so that what comes after still has some. A broker
// that fails is kept as silent, and its questions are left unanswered.
func (s *session) each(ctx context.Context, asked string, questions map[int32][]protocol.Message, heard func(broker int32, answers []protocol.Message)) {
	ctx, cancel := half(ctx)
	defer cancel()
	var asks []func()
	var mu sync.Mutex
	for id, q := range questions {
		if len(q) == 0 {
			continue
		}
		asks = append(asks, func() {
			begun := time.Now()
			l, err := s.link(ctx, id)
			var answers []protocol.Message
			if err == nil {
				answers, err = l.ask(ctx, q...)
			}
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				heard(id, answers)
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if _, known := s.silent[id]; !known {
				f := s.client.failure(err)
				if f.Class == fault.Unreachable || f.Class == fault.Timeout || f.Class == fault.Disconnected {
					f.Next = "The cluster counts this broker as alive and names this address for it: look whether it can be reached from here (advertised.listeners), and whether it hangs"
				}
				s.silent[id] = fault.Source{Name: fmt.Sprintf("kafka broker %d", id), Asked: asked + " of broker " + strconv.Itoa(int(id)) + " at " + s.addrs[id], Took: time.Since(begun), Err: f}
			}
		})
	}
	fault.Together(asks...)
}

func half(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(end)/2)
}

// silentBrokers lists the brokers that did not answer, by id.
func (s *session) silentBrokers() []fault.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int32
	for id := range s.silent {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var all []fault.Source
	for _, id := range ids {
		all = append(all, s.silent[id])
	}
	return all
}

// kafkaError is an error code of the protocol as an error; nil for 0.
func kafkaError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// refused reports whether an error is that we are known and not allowed to ask.
func refused(err error) bool {
	return errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.GroupAuthorizationFailed) || errors.Is(err, kafka.ClusterAuthorizationFailed)
}
