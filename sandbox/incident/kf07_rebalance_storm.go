package incident

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
)

// KF-07: a member of the settlement workers' group is so long at its records that
// it does not come when another one joins, and the group waits for it: nobody
// consumes meanwhile.
var _ = add(Incident{ID: "KF-07", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		const group = bus.SettlementGroup
		did := Injected{Asks: []Ask{askKafka(), askLag(group)}, Quotes: []string{group, "300 s"}, Kept: map[string]string{}}
		// The first takes part once and never again, unless the group makes it
		// its leader: then it waits for the shares that this one never gives out.
		for _, name := range []string{"busy", "new"} {
			id, err := join(ctx, w, group, bus.CaptureRequested)
			did.Kept[name] = id
			if err != nil {
				return did, err
			}
			if state, err := atRest(ctx, w, group); err != nil || state != "Stable" {
				return did, err
			}
		}
		return did, errors.New(group + " has come to rest with a member that does not answer")
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		var members []kafka.LeaveGroupRequestMember
		for _, id := range did.Kept {
			if id != "" {
				members = append(members, kafka.LeaveGroupRequestMember{ID: id})
			}
		}
		if len(members) == 0 {
			return nil
		}
		err := withKafka(w, func(c *kafka.Client) error {
			resp, err := c.LeaveGroup(ctx, &kafka.LeaveGroupRequest{GroupID: bus.SettlementGroup, Members: members})
			if err == nil {
				err = resp.Error
			}
			return err
		})
		if err != nil {
			return err
		}
		return awaitGroup(ctx, w, bus.SettlementGroup, "Stable")
	},
})

// atRest waits until a group has been in one state for three seconds, and returns
// it.
func atRest(ctx context.Context, w *World, group string) (state string, err error) {
	var since time.Time
	err = await(ctx, group+" to stay in one state", func(ctx context.Context) (bool, error) {
		now, err := groupState(ctx, w, group)
		if err != nil || now != state {
			state, since = now, time.Now()
		}
		return err == nil && time.Since(since) > 3*time.Second, err
	})
	return state, err
}

// joinFor is how long a member that never answers stays in a group.
const joinFor = 5 * time.Minute

// join adds a member to a group that others lead, and returns its id. It waits
// neither for the others nor for its share of the partitions.
func join(ctx context.Context, w *World, group, topic string) (id string, err error) {
	ask := &kafka.JoinGroupRequest{
		GroupID: group, ProtocolType: "consumer", SessionTimeout: joinFor, RebalanceTimeout: joinFor,
	}
	for _, name := range []string{"range", "roundrobin", "sticky", "cooperative-sticky"} {
		ask.Protocols = append(ask.Protocols, kafka.GroupProtocol{Name: name, Metadata: kafka.GroupProtocolSubscription{Topics: []string{topic}}})
	}
	err = withKafka(w, func(c *kafka.Client) error {
		joined, err := c.JoinGroup(ctx, ask)
		if err != nil {
			return err
		}
		if !errors.Is(joined.Error, kafka.MemberIDRequired) {
			return fmt.Errorf("join %s: the group gives no id to come back with: %w", group, joined.Error)
		}
		id, ask.MemberID = joined.MemberID, joined.MemberID
		return nil
	})
	if err != nil {
		return id, err
	}
	// The broker answers when all others have come; who does not wait for that is
	// a member all the same.
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err = withKafka(w, func(c *kafka.Client) error {
		joined, err := c.JoinGroup(short, ask)
		if err == nil {
			err = joined.Error
		}
		return err
	})
	if ctx.Err() == nil && short.Err() != nil {
		err = nil
	}
	return id, err
}
