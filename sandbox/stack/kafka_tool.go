package stack

import (
	"context"
	"os/exec"
	"path/filepath"
)

// kafkaTools are the classes behind Kafka's command-line programs.
var kafkaTools = map[string]string{
	"kafka-topics.sh":              "org.apache.kafka.tools.TopicCommand",
	"kafka-consumer-groups.sh":     "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
	"kafka-get-offsets.sh":         "org.apache.kafka.tools.GetOffsetShell",
	"kafka-cluster.sh":             "org.apache.kafka.tools.ClusterTool",
	"kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}

// Tool is one of Kafka's command-line programs by the name that people know it by,
// ready to run; false for one that is not known here. The program is that of the
// broker's own version.
func (k *Kafka) Tool(ctx context.Context, program string, args ...string) (*exec.Cmd, bool) {
	class, ok := kafkaTools[program]
	if !ok {
		return nil, false
	}
	argv := append([]string{"-Xmx128m", "-cp", filepath.Join(k.jars, "*"), class}, args...)
	return exec.CommandContext(ctx, k.java, argv...), true
}
