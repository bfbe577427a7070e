package config

import (
	"slices"
	"strings"
	"testing"

	"payops-mcp/shared/env"
)

func TestRequiredGroups(t *testing.T) {
	var c Config
	if err := env.Load(&c, nil, ""); err != nil {
		t.Fatal(err)
	}
	if len(c.Topics) != 5 || len(c.DeadLetters) != 3 || len(c.Groups) != 3 || c.Groups[2].Name != "payment-consumer" ||
		!slices.Equal(c.Groups[2].Topics, []string{"payment.captured", "payment.refunded"}) {
		t.Errorf("defaults: %v, %v, %+v", c.Topics, c.DeadLetters, c.Groups)
	}
	c = Config{}
	if err := env.Load(&c, []string{"KAFKA_REQUIRED_GROUPS=plain, team:a:t1+t2"}, ""); err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 2 || c.Groups[0].Name != "plain" || c.Groups[0].Topics != nil || c.Groups[1].Name != "team:a" || !slices.Equal(c.Groups[1].Topics, []string{"t1", "t2"}) {
		t.Errorf("%+v", c.Groups)
	}
	for value, want := range map[string]string{",": "group:topic+topic", ":t": "entry 1", "g:": "entry 1", "g:t+": "entry 1", "g,g:t": "twice"} {
		if err := env.Load(&Config{}, []string{"KAFKA_REQUIRED_GROUPS=" + value}, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", value, err, want)
		}
	}
}
