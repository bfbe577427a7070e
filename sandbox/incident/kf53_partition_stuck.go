package incident

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/syncgroup"

	"payops-mcp/sandbox/paysim/bus"
)

// KF-53: a second ledger worker has taken its share of the partitions and does
// nothing with them. The first goes on with the others.
var _ = add(Incident{ID: "KF-53", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		const group = bus.LedgerGroup
		did := Injected{Asks: []Ask{askKafka(), askLag(group)}, Quotes: []string{group}, Kept: map[string]string{}}
		id, share, err := takeShare(ctx, w, group, bus.Captured, bus.Refunded)
		did.Kept["member"] = id
		if err != nil {
			return did, err
		}
		mine := share[bus.Captured]
		return did, await(ctx, "records that wait in a partition that nobody works on", func(ctx context.Context) (bool, error) {
			return heldUp(ctx, w, group, mine)
		})
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		if did.Kept["member"] == "" {
			return nil
		}
		err := withKafka(w, func(c *kafka.Client) error {
			resp, err := c.LeaveGroup(ctx, &kafka.LeaveGroupRequest{GroupID: bus.LedgerGroup, Members: []kafka.LeaveGroupRequestMember{{ID: did.Kept["member"]}}})
			if err == nil {
				err = resp.Error
			}
			return err
		})
		if err != nil {
			return err
		}
		return awaitDrained(ctx, w, bus.LedgerGroup, bus.Captured, bus.Refunded)
	},
})

// overdueAfter is how old a record that waits is before anybody calls it waiting.
const overdueAfter = 15 * time.Second

// heldUp reports whether records wait in each of these partitions of
// payment.captured that are older than what is on its way.
func heldUp(ctx context.Context, w *World, group string, partitions []int) (bool, error) {
	done, err := committedBy(ctx, w, group, bus.Captured)
	if err != nil {
		return false, err
	}
	waiting := true
	err = withKafka(w, func(c *kafka.Client) error {
		var ask []kafka.OffsetRequest
		for _, p := range partitions {
			ask = append(ask, kafka.TimeOffsetOf(p, time.Now().Add(-overdueAfter)))
		}
		resp, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{bus.Captured: ask}})
		if err != nil {
			return err
		}
		for _, p := range resp.Topics[bus.Captured] {
			for at := range p.Offsets {
				waiting = waiting && at > done[p.Partition]
			}
			waiting = waiting && len(p.Offsets) > 0
		}
		return nil
	})
	return waiting, err
}

// takeShare makes a process a member of a group that others lead, or leads it
// itself if it must, and returns its id and the partitions that it got. It stays a
// member until it leaves, or for some minutes.
func takeShare(ctx context.Context, w *World, group string, topics ...string) (id string, share map[string][]int, err error) {
	ask := &kafka.JoinGroupRequest{GroupID: group, ProtocolType: "consumer", SessionTimeout: joinFor, RebalanceTimeout: joinFor}
	for _, name := range []string{"range", "roundrobin"} {
		ask.Protocols = append(ask.Protocols, kafka.GroupProtocol{Name: name, Metadata: kafka.GroupProtocolSubscription{Topics: topics}})
	}
	err = withKafka(w, func(c *kafka.Client) error {
		c.Timeout = noticedWithin
		return await(ctx, "a share of "+group, func(ctx context.Context) (done bool, err error) {
			joined, err := c.JoinGroup(ctx, ask)
			if err != nil {
				return false, err
			}
			// The first time it is given an id to come again with.
			if id = joined.MemberID; joined.Error != nil {
				ask.MemberID = id
				return false, joined.Error
			}
			sync := &syncgroup.Request{GroupID: group, MemberID: id, GenerationID: int32(joined.GenerationID), ProtocolType: "consumer", ProtocolName: joined.ProtocolName}
			if joined.LeaderID == id {
				sync.Assignments = shared(joined.Members, topics)
			}
			// Below the client, which does not tell what else the answer may be: that
			// others have come meanwhile, so that all join again.
			answer, err := c.Transport.RoundTrip(ctx, c.Addr, sync)
			if err != nil {
				return false, err
			}
			synced := answer.(*syncgroup.Response)
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
func shared(members []kafka.JoinGroupResponseMember, topics []string) (all []syncgroup.RequestAssignment) {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b kafka.JoinGroupResponseMember) int { return strings.Compare(a.ID, b.ID) })
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
		all = append(all, syncgroup.RequestAssignment{MemberID: m.ID, Assignment: binary.BigEndian.AppendUint32(blob, 0)})
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
