package incident

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

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
		if err := await(ctx, "records that wait in a partition that nobody works on", func(ctx context.Context) (bool, error) {
			return heldUp(ctx, w, group, mine)
		}); err != nil {
			return did, err
		}
		done, err := committedBy(ctx, w, group, bus.Captured)
		if err != nil {
			return did, err
		}
		did.Quotes = append(did.Quotes, fmt.Sprintf("%s/%d", bus.Captured, mine[0]), fmt.Sprintf("committed %d", done[mine[0]]))
		return did, nil
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
