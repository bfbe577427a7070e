package broker

import (
	"errors"
	"testing"

	"github.com/segmentio/kafka-go"
)

// A broker that is still loading its groups answers with a code and none of them: with
// every group asked for they were missing without a word.
func TestAListOfGroupsThatIsRefused(t *testing.T) {
	t.Parallel()
	list := listing{by: map[string]listedAt{}}
	list.take(&Client{}, 1, &listGroups{Groups: []listedGroup{{name: "a"}}})
	list.take(&Client{}, 2, &listGroups{code: int16(kafka.GroupLoadInProgress)})
	if len(list.by) != 1 || list.by["a"].broker != 1 {
		t.Errorf("listed %+v", list.by)
	}
	if len(list.refused) != 1 || list.refused[0].Name != "kafka broker 2" || !errors.Is(list.refused[0].Err, kafka.GroupLoadInProgress) {
		t.Errorf("refused %+v", list.refused)
	}
}
