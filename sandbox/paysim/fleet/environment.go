package fleet

import (
	"payops-mcp/sandbox/stack"
)

// Environment are the settings with which processes use a stack's databases,
// Redis and Kafka, as accounts that may write.
func Environment(s *stack.Stack) map[string]string {
	env := map[string]string{"PAYSIM_KAFKA": s.KafkaBootstrap()}
	for i, name := range []string{"PAYSIM_DB_DSN", "PAYSIM_DB_DSN_SHARD2"} {
		if i < len(s.Shards) {
			env[name] = s.Shards[i].DSN(stack.AppUser)
		}
	}
	if s.Redis != nil {
		env["PAYSIM_REDIS_URL"] = s.Redis.URL(stack.RedisAdminUser)
	}
	return env
}
