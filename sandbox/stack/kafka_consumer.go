package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"payops-mcp/sandbox/stack/proc"
)

// KafkaConsumer says what a real Java consumer is to do: join a group, read
// one topic from its beginning, commit after each batch.
type KafkaConsumer struct {
	// Name names the process and its log; "" means the group's.
	Name  string
	Group string
	Topic string
	// Protocol is "classic", also when "", or "consumer", the group protocol
	// of KIP-848, which needs Kafka 4.
	Protocol string
	// Stop ends the consumer after so many records; 0 means never.
	Stop int
}

// StartConsumer runs a Java consumer against AdminAddr and returns when it was
// assigned its partitions. It ends with the supervisor, or by the signals of
// the child that is returned.
func (k *Kafka) StartConsumer(ctx context.Context, c KafkaConsumer) (*proc.Child, error) {
	if c.Name == "" {
		c.Name = c.Group
	}
	if c.Protocol == "" {
		c.Protocol = "classic"
	}
	if c.Stop == 0 {
		c.Stop = -1
	}
	name := k.opt.Name + "-consumer-" + c.Name
	dir := k.opt.Supervisor.Dir()
	child, err := k.opt.Supervisor.Start(proc.Spec{
		Name: name,
		Path: k.java,
		Args: k.jvm(dir, 64, "org.apache.kafka.tools.VerifiableConsumer",
			"--bootstrap-server", k.AdminAddr(),
			"--group-id", c.Group,
			"--group-protocol", strings.ToUpper(c.Protocol),
			"--topic", c.Topic,
			"--max-messages", strconv.Itoa(c.Stop)),
	})
	if err != nil {
		return nil, err
	}
	return child, poll(ctx, name+" to be assigned partitions", func(context.Context) error {
		// It tells what happens as JSON, one line each.
		log, err := os.ReadFile(filepath.Join(dir, name+".log"))
		if err != nil {
			return err
		}
		switch {
		case bytes.Contains(log, []byte(`"partitions_assigned"`)):
			return nil
		case child.Ended() != "":
			return fmt.Errorf("it ended: %s: %s", child.Ended(), child.LogTail())
		}
		return errors.New("not yet")
	})
}
