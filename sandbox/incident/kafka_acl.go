package incident

import (
	"context"
	"errors"

	"github.com/segmentio/kafka-go"
)

// denial is what an account may no longer do with some resources.
type denial struct {
	user  string
	kind  kafka.ResourceType
	names []string
	what  kafka.ACLOperationType
}

// deny makes ACLs of a denial. Where a resource has an ACL at all, what none
// allows is refused: everything else is allowed to everybody, as it was before.
func deny(ctx context.Context, w *World, d denial) error {
	var all []kafka.ACLEntry
	for _, name := range d.names {
		e := kafka.ACLEntry{
			ResourceType: d.kind, ResourceName: name, ResourcePatternType: kafka.PatternTypeLiteral,
			Principal: "User:*", Host: "*", Operation: kafka.ACLOperationTypeAll, PermissionType: kafka.ACLPermissionTypeAllow,
		}
		all = append(all, e)
		e.Principal, e.Operation, e.PermissionType = "User:"+d.user, d.what, kafka.ACLPermissionTypeDeny
		all = append(all, e)
	}
	return withKafka(w, func(c *kafka.Client) error {
		resp, err := c.CreateACLs(ctx, &kafka.CreateACLsRequest{ACLs: all})
		if err == nil {
			err = errors.Join(resp.Errors...)
		}
		return err
	})
}

// allow takes back what deny has made.
func allow(ctx context.Context, w *World, d denial) error {
	var filters []kafka.DeleteACLsFilter
	for _, name := range d.names {
		filters = append(filters, kafka.DeleteACLsFilter{
			ResourceTypeFilter: d.kind, ResourceNameFilter: name, ResourcePatternTypeFilter: kafka.PatternTypeLiteral,
			Operation: kafka.ACLOperationTypeAny, PermissionType: kafka.ACLPermissionTypeAny,
		})
	}
	return withKafka(w, func(c *kafka.Client) error {
		resp, err := c.DeleteACLs(ctx, &kafka.DeleteACLsRequest{Filters: filters})
		if err != nil {
			return err
		}
		for _, r := range resp.Results {
			err = errors.Join(err, r.Error)
		}
		return err
	})
}

// asReader are the settings with which a server under test asks Kafka with an
// account.
func asReader(at, user, password, mechanism string) map[string]string {
	return map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": at, "KAFKA_SASL_MECHANISM": mechanism,
		"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password,
	}
}

// saslMechanism is one of those that there are.
func (w *World) saslMechanism() string {
	return []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}[w.Rand.IntN(3)]
}
