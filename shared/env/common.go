package env

import (
	"fmt"
	"time"
)

// Common holds the settings that all servers share; their configurations embed it.
//
// Some hosts give up on a call after 60 s, so the default leaves room for the
// server's own answer to arrive. No host takes a result beyond 500,000 bytes.
type Common struct {
	Zone           Zone          `env:"PAYOPS_TIMEZONE" default:"local" help:"zone in which times are read and shown: local, UTC or a name like Asia/Seoul"`
	MerchantScope  []string      `env:"PAYOPS_MERCHANT_SCOPE" help:"comma list of merchant ids; when set, every other merchant is refused"`
	CallTimeout    time.Duration `env:"PAYOPS_CALL_TIMEOUT" default:"30s" min:"100ms" max:"5m" help:"deadline of one tool call; some hosts give up after 60s"`
	MaxResultBytes int           `env:"PAYOPS_MAX_RESULT_BYTES" default:"60000" min:"4000" max:"500000" help:"cap on each form of an answer, in bytes"`
	HTTPToken      Secret        `env:"PAYOPS_HTTP_TOKEN" help:"bearer token that clients of --http must send; without one it listens on loopback only"`
}

// Zone is a time zone by name.
type Zone struct{ *time.Location }

// UnmarshalText takes local, UTC or a name of the IANA database.
func (z *Zone) UnmarshalText(text []byte) error {
	if string(text) == "local" {
		z.Location = time.Local
		return nil
	}
	loc, err := time.LoadLocation(string(text))
	if err != nil {
		return fmt.Errorf("want local, UTC or a zone name like Asia/Seoul")
	}
	z.Location = loc
	return nil
}
