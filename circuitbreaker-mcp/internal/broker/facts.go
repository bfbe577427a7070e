package broker

import (
	"slices"
	"time"

	"payops-mcp/shared/fault"
)

// Cluster is what the brokers say of themselves and of their topics.
type Cluster struct {
	// Source is whether anybody answered: it fails when no bootstrap server
	// told the metadata.
	Source fault.Source
	// Tried are the bootstrap servers that were asked, in order. One that was
	// not needed, because another had answered, is not among them.
	Tried      []fault.Source
	Assumed    bool      // nobody said where Kafka is, and the default was asked
	At         time.Time // by this machine's clock, or by that of who was asked what time it is
	Controller int32     // who leads the cluster; -1 for nobody, or when it is not known
	NoLeader   bool      // whether the cluster has no controller
	// Leading is why nobody told who leads the cluster; nil when it was told, or is
	// not ours to know.
	Leading *fault.Failure
	Brokers []Broker // those that the cluster counts as alive, by id
	Topics  []Topic  // those that we may see and those that were asked for, by name
	// MinISR is why the topics' min.insync.replicas are not known; nil when
	// they are.
	MinISR *fault.Failure
}

// Broker is a broker that the cluster counts as alive.
type Broker struct {
	ID   int32
	Addr string // host:port as the cluster tells it to clients
}

// Topic is one topic. Missing, Denied and Err exclude each other; with any of
// them there are no partitions.
type Topic struct {
	Name       string
	Internal   bool // of Kafka itself, like __consumer_offsets
	Missing    bool // the cluster does not have it
	Denied     bool // we may not see whether there is such a topic
	Err        string
	MinISR     int // min.insync.replicas; 0 when not known
	Partitions []Partition
}

// Partition is one partition. Its leader is -1 when it has none.
type Partition struct {
	ID, Leader    int32
	Replicas, ISR []int32 // broker ids
}

// Health is a look at the cluster, its consumer groups and its dead letters.
type Health struct {
	Cluster
	// Silent are the brokers that are alive by the metadata and did not answer
	// what they alone know. What they would have said is missing: sums are
	// lower bounds.
	Silent []fault.Source
	// Unlisted are the brokers that did not list their groups, where every group was
	// asked for: those are missing.
	Unlisted    []fault.Source
	Groups      []Group // those asked for, in that order
	Ends        map[string][]End
	DeadLetters []DeadTopic
	Repeats     []Repeats
	Clock       Clock // by which records are old or new
	// Kept is whether samples of earlier calls take part.
	Kept bool
}

// End is how far a partition's log goes. Known is false when its leader did not
// tell; Err says why.
type End struct {
	Partition   int32
	First, Last int64 // the oldest offset that is left, and the next one to be written
	Known       bool
	Err         string
}

// Group is a consumer group.
type Group struct {
	Name string
	// Err is why nothing is known of it. Not knowing is not absence.
	Err *fault.Failure
	// State is Kafka's word: Stable, PreparingRebalance, CompletingRebalance,
	// Assigning, Reconciling, Empty, Dead; "" when not known. It is Absent when
	// the group's coordinator does not have it.
	State       string
	Type        string // classic, or consumer for the protocol of KIP-848; "" when not known
	Coordinator int32  // -1 when not known
	Members     []Member
	// Unseen is whether it has members that this client cannot see.
	Unseen bool
	// Subscribed are the topics that its members read, as far as they tell.
	Subscribed []string
	// Unread are those of its topics whose partitions Kafka does not show, though it
	// does not say that there is no such topic. What waits there is not known.
	Unread []string
	// Samples are what was seen of it, oldest first; the last is of now.
	Samples []Sample
}

// Absent is the state of a group that the cluster does not have.
const Absent = "Absent"

// Member is one consumer of a group.
type Member struct {
	ID, ClientID, Host string
	Assigned           map[string][]int32 // partitions by topic; nil when that cannot be read
}

// Sample is a group at one moment.
type Sample struct {
	At      time.Time
	State   string
	Members []string // ids, in order
	Offsets []Offset // by topic and partition
}

// Offset is how far a group has come in one partition.
type Offset struct {
	Topic       string
	Partition   int32
	Committed   int64 // -1 when it has committed nothing there
	First, Last int64 // of the log; see Known
	Known       bool  // whether First and Last are known
	Owner       string
	// Due is the first offset whose record is younger than Grace, so that what
	// is committed below it has waited longer; -1 when that is not known.
	Due int64
}

// Grace is how old a record that waits must be before it counts as waiting: a
// younger one is on its way.
const Grace = 10 * time.Second

// DeadTopic is how much a dead-letter topic holds.
type DeadTopic struct {
	Topic   string
	Missing bool
	Err     string // why nothing is known
	Depth   int64  // records that it holds
	Recent  int64  // of them, those from the first on that is younger than Window
	Window  time.Duration
	// Unknown counts the partitions that were not told, in whole or in how much of
	// them is new; Depth and Recent are then lower bounds.
	Unknown int
}

// Lag is how many records wait for the group in a partition, or -1 when that is
// not known: what the log no longer holds does not wait. A group that has committed
// nothing begins wherever it is configured to, so all that the log holds may wait.
func (o Offset) Lag() int64 {
	if !o.Known {
		return -1
	}
	return max(0, o.Last-max(o.Committed, o.First))
}

// OutOfRange is whether what is committed lies outside of the log.
func (o Offset) OutOfRange() bool {
	return o.Known && o.Committed >= 0 && (o.Committed > o.Last || o.Committed < o.First)
}

// Overdue is whether the oldest record that waits in the partition is older than
// Grace.
func (o Offset) Overdue() bool { return o.Lag() > 0 && o.Due >= 0 && max(o.Committed, o.First) < o.Due }

// Lag is how many records waited, as far as that was known.
func (s Sample) Lag() (records int64) {
	for _, o := range s.Offsets {
		records += max(o.Lag(), 0)
	}
	return records
}

// Committed is how many records the group has come past, from the beginning of each log.
func (s Sample) Committed() (records int64) {
	for _, o := range s.Offsets {
		records += max(o.Committed, 0)
	}
	return records
}

// overdue reports whether records have waited longer than Grace in any partition.
func (s Sample) overdue() bool { return slices.ContainsFunc(s.Offsets, Offset.Overdue) }

// whole reports whether the end of every partition is known.
func (s Sample) whole() bool {
	return !slices.ContainsFunc(s.Offsets, func(o Offset) bool { return !o.Known })
}

// Restless are the newest samples, as far as the group was rebalancing at each.
func (g Group) Restless() []Sample {
	n := len(g.Samples)
	for n > 0 && Rebalancing(g.Samples[n-1].State) {
		n--
	}
	return g.Samples[n:]
}

// Now is the newest sample; the zero Sample when there is none.
func (g Group) Now() Sample {
	if len(g.Samples) == 0 {
		return Sample{}
	}
	return g.Samples[len(g.Samples)-1]
}

// Lag is how many records wait for the group in all of its partitions; partial
// is whether some are not known, so that it is a lower bound.
func (g Group) Lag() (records int64, partial bool) {
	for _, o := range g.Now().Offsets {
		if n := o.Lag(); n >= 0 {
			records += n
		} else {
			partial = true
		}
	}
	return records, partial || len(g.Unread) > 0
}

// Topic returns a topic by name.
func (c Cluster) Topic(name string) (Topic, bool) {
	for _, t := range c.Topics {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}

// Live reports whether the cluster counts a broker as alive.
func (c Cluster) Live(id int32) bool {
	for _, b := range c.Brokers {
		if b.ID == id {
			return true
		}
	}
	return false
}
