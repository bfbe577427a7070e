package incident

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/joingroup"
	"github.com/segmentio/kafka-go/protocol/syncgroup"
)

// takeShare makes a process a member of a group that others lead, or leads it
// itself if it must, and returns its id and the partitions that it got. It stays a
// member until it leaves, or for some minutes.
func takeShare(ctx context.Context, w *World, group string, topics ...string) (id string, share map[string][]int, err error) {
	ask := &joingroup.Request{GroupID: group, ProtocolType: "consumer", SessionTimeoutMS: int32(joinFor.Milliseconds()), RebalanceTimeoutMS: int32(joinFor.Milliseconds())}
	for _, name := range []string{"range", "roundrobin"} {
		ask.Protocols = append(ask.Protocols, joingroup.RequestProtocol{Name: name, Metadata: subscription(topics)})
	}
	err = withKafka(w, func(c *kafka.Client) error {
		c.Timeout = noticedWithin
		return await(ctx, "a share of "+group, func(ctx context.Context) (done bool, err error) {
			joined, err := ofGroup[*joingroup.Response](ctx, c, ask)
			if err != nil {
				return false, err
			}
			// The first time it is given an id to come again with.
			if id = joined.MemberID; joined.ErrorCode != 0 {
				ask.MemberID = id
				return false, kafka.Error(joined.ErrorCode)
			}
			sync := &syncgroup.Request{GroupID: group, MemberID: id, GenerationID: joined.GenerationID, ProtocolType: "consumer", ProtocolName: joined.ProtocolName}
			if joined.LeaderID == id {
				sync.Assignments = shared(joined.Members, topics)
			}
			synced, err := ofGroup[*syncgroup.Response](ctx, c, sync)
			if err != nil {
				return false, err
			}
			if synced.ErrorCode != 0 {
				return false, kafka.Error(synced.ErrorCode)
			}
			if share, err = partitionsIn(synced.Assignments); err != nil {
				return false, err
			}
			return atRestWith(ctx, c, group, sync, len(share[topics[0]]) < partitionsOf[topics[0]])
		})
	})
	return id, share, err
}

// ofGroup asks the coordinator of a group below the client, which can neither read what
// the library's own readers say of themselves nor tells which error the answer has.
func ofGroup[A kafka.Response](ctx context.Context, c *kafka.Client, ask kafka.Request) (answer A, err error) {
	got, err := c.Transport.RoundTrip(ctx, c.Addr, ask)
	if err != nil {
		return answer, err
	}
	answer, ok := got.(A)
	if !ok {
		return answer, fmt.Errorf("the answer to %T is a %T", ask, got)
	}
	return answer, nil
}

// subscription is what a member says that it reads, in the form of its version 0.
func subscription(topics []string) []byte {
	blob := binary.BigEndian.AppendUint16(nil, 0)
	blob = binary.BigEndian.AppendUint32(blob, uint32(len(topics)))
	for _, topic := range topics {
		blob = append(binary.BigEndian.AppendUint16(blob, uint16(len(topic))), topic...)
	}
	return binary.BigEndian.AppendUint32(blob, 0) // nothing else
}

// atRestWith takes part in a group until it has been at rest for some seconds; false
// when all have to join again, as when others come. A member that is alone with all
// partitions waits for that.
func atRestWith(ctx context.Context, c *kafka.Client, group string, as *syncgroup.Request, notAlone bool) (bool, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for since := time.Now(); ctx.Err() == nil; <-tick.C {
		beat, err := c.Heartbeat(ctx, &kafka.HeartbeatRequest{GroupID: group, GenerationID: as.GenerationID, MemberID: as.MemberID})
		if err == nil {
			err = beat.Error
		}
		if err != nil {
			return false, err
		}
		// The library reads the error of a heartbeat where the broker writes a time.
		d, err := c.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
		if err != nil || d.Groups[0].GroupState != "Stable" {
			return false, err
		}
		if notAlone && time.Since(since) > 5*time.Second {
			return true, nil
		}
	}
	return false, ctx.Err()
}

// shared deals the partitions of topics out to members.
func shared(members []joingroup.ResponseMember, topics []string) (all []syncgroup.RequestAssignment) {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b joingroup.ResponseMember) int { return strings.Compare(a.MemberID, b.MemberID) })
	for n, m := range members {
		blob := binary.BigEndian.AppendUint16(nil, 0) // the version
		blob = binary.BigEndian.AppendUint32(blob, uint32(len(topics)))
		for _, topic := range topics {
			var mine []byte
			count := 0
			for p := n; p < partitionsOf[topic]; p += len(members) {
				mine, count = binary.BigEndian.AppendUint32(mine, uint32(p)), count+1
			}
			blob = append(binary.BigEndian.AppendUint16(blob, uint16(len(topic))), topic...)
			blob = append(binary.BigEndian.AppendUint32(blob, uint32(count)), mine...)
		}
		all = append(all, syncgroup.RequestAssignment{MemberID: m.MemberID, Assignment: binary.BigEndian.AppendUint32(blob, 0)})
	}
	return all
}

// partitionsIn reads which partitions a member was given: a version, then topics,
// each with its partitions.
func partitionsIn(blob []byte) (map[string][]int, error) {
	all := map[string][]int{}
	take := func(n int) []byte {
		if n < 0 || n > len(blob) {
			blob = nil
			return make([]byte, max(n, 4))
		}
		head := blob[:n]
		blob = blob[n:]
		return head
	}
	take(2)
	for topics := binary.BigEndian.Uint32(take(4)); topics > 0 && blob != nil; topics-- {
		name := string(take(int(binary.BigEndian.Uint16(take(2)))))
		for n := binary.BigEndian.Uint32(take(4)); n > 0 && blob != nil; n-- {
			all[name] = append(all[name], int(binary.BigEndian.Uint32(take(4))))
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the group's leader gave out nothing that can be read")
	}
	return all, nil
}
