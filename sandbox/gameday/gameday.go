// Package gameday breaks a payment system without saying what, for people who
// want to practise finding it out, and tells when they give up.
package gameday

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
	"payops-mcp/shared/catalog"
)

// Secret is what was done to a system.
type Secret struct {
	Incident string            `json:"incident"`
	Seed     uint64            `json:"seed"`
	Began    time.Time         `json:"began"`
	System   map[string]string `json:"system"` // where its services are, which tells it from others
	Did      incident.Injected `json:"did"`
}

// Begin breaks something that suits the system, chosen by the seed. What cannot be
// broken there is passed over.
func Begin(ctx context.Context, s *stack.Stack, seed uint64) (Secret, error) {
	var failed []error
	for _, i := range Candidates(s, seed) {
		w := &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(seed, 1))}
		did, err := i.Start(ctx, w)
		secret := Secret{Incident: i.ID, Seed: seed, Began: time.Now(), System: s.Env(), Did: did}
		switch {
		case err == nil && len(did.Settings) == 0:
			return secret, nil
		case ctx.Err() != nil:
			return Secret{}, ctx.Err()
		case err == nil: // it is in how the servers are configured, which are not ours
			if err := secret.End(ctx, s); err != nil {
				return Secret{}, err
			}
		default:
			failed = append(failed, err)
		}
	}
	return Secret{}, errors.Join(append([]error{errors.New("nothing can be broken in this system; it needs one of the sandbox's own, with more services")}, failed...)...)
}

// onStandIns are the incidents that can be seen, and repaired, on stand-ins for the
// servers too.
var onStandIns = []string{
	"CB-01", "CX-01", "HT-03", "ID-04", "ID-50", "KF-08", "LG-01", "LG-02", "LG-03", "LG-12",
	"OB-01", "OB-02", "RD-01", "RD-03", "RD-12", "RF-02", "ST-03",
}

// Candidates are the incidents that suit a system, in the order in which a seed
// draws them.
func Candidates(s *stack.Stack, seed uint64) []incident.Incident {
	all := slices.DeleteFunc(incident.All(), func(i incident.Incident) bool {
		return i.Row().Healthy() || !i.Suits(s) || s.StandIns && !slices.Contains(onStandIns, i.ID)
	})
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// Of reports whether the secret is of this system.
func (s Secret) Of(system *stack.Stack) bool { return fmt.Sprint(s.System) == fmt.Sprint(system.Env()) }

// End repairs what was broken.
func (s Secret) End(ctx context.Context, system *stack.Stack) error {
	i, err := incident.Get(s.Incident)
	if err != nil {
		return err
	}
	return i.Undo(ctx, &incident.World{Stack: system, Rand: rand.New(rand.NewPCG(s.Seed, 2))}, s.Did)
}

// Reveal tells what was done, what the answers should have been, and how it is
// repaired.
func (s Secret) Reveal(out io.Writer) error {
	i, err := incident.Get(s.Incident)
	if err != nil {
		return err
	}
	row := i.Row()
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "what it was\t%s: %s\n", row.ID, row.Name)
	fmt.Fprintf(t, "since\t%s (seed %d)\n", s.Began.Format(time.DateTime), s.Seed)
	if row.Symptoms != "" {
		fmt.Fprintf(t, "what was to be seen\t%s\n", row.Symptoms)
	}
	tell := func(what string, codes []catalog.Code) {
		for _, c := range codes {
			e, _ := catalog.Find(c) // every code of an incident is known, a test says so
			fmt.Fprintf(t, "%s\t%s (%s %s): %s\n", what, c, e.Severity, e.Kind, e.Rule)
			fmt.Fprintf(t, "\trunbook %s\n", catalog.Section(c))
		}
	}
	tell("must be named", row.Root)
	tell("must be told, too", row.Shows)
	if len(row.Allow) > 0 {
		fmt.Fprintf(t, "may be told, too\t%s\n", join(row.Allow))
	}
	if len(row.Forbid) > 0 {
		fmt.Fprintf(t, "would be wrong\t%s\n", join(row.Forbid))
	}
	for _, a := range s.Did.Asks {
		args, err := json.Marshal(a.Args)
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s %s %s\n", a.Question, a.Server, a.Tool, args)
	}
	if len(s.Did.Quotes) > 0 {
		fmt.Fprintf(t, "the answers quote\t%s\n", strings.Join(s.Did.Quotes, ", "))
	}
	fmt.Fprintf(t, "how it is repaired\t%s\n", row.Next)
	return t.Flush()
}

func join(codes []catalog.Code) string {
	words := make([]string, len(codes))
	for i, c := range codes {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

// seal makes a secret unreadable for whoever only looks. It is no encryption:
// nobody is kept from cheating on purpose.
func (s Secret) seal() (string, error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := errors.Join(json.NewEncoder(z).Encode(s), z.Close()); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}

// unseal undoes seal.
func unseal(text string) (s Secret, err error) {
	packed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return s, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return s, err
	}
	return s, errors.Join(json.NewDecoder(z).Decode(&s), z.Close())
}

// Keep writes a secret, sealed, to a file.
func (s Secret) Keep(path string) error {
	text, err := s.seal()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text+"\n"), 0o600)
}

// Read reads what Keep has written. Where there is nothing the error is
// fs.ErrNotExist.
func Read(path string) (Secret, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, err
	}
	s, err := unseal(string(text))
	if err != nil {
		return Secret{}, fmt.Errorf("%s does not hold what was broken: %w", path, err)
	}
	return s, nil
}
