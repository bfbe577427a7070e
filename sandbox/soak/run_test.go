package soak

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
	"payops-mcp/sandbox/testseed"
	"payops-mcp/sandbox/watch"
)

func TestMain(m *testing.M) {
	os.Exit(binaries.Main(m))
}

// A soak of the faults whose rules hold at once: each comes, is found in time and gone
// in time, and no answer says what nothing explains. The others take minutes each.
func TestAShortSoak(t *testing.T) {
	names := []string{"Redis out of memory", "Redis a replica", "poison"}
	faults := slices.DeleteFunc(Faults(), func(f Fault) bool { return !slices.Contains(names, f.Name) })
	s := stacktest.Fresh(t, stack.Options{
		Parts: stack.Living, Rate: 5, Seed: &seed.Options{Payments: 2000}, Paysim: incident.LivingSettings(), Log: t.Output(),
	})
	programs, err := binaries.Paths()
	if err != nil {
		t.Fatal(err)
	}
	servers, err := watch.Start(t.Context(), programs, incident.ServerSettings(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.Close)

	var lines bytes.Buffer
	result, err := Run(t.Context(), watch.Options{
		Stack: s, Servers: servers, Every: 5 * time.Second, Seed: testseed.Of(t), Lines: &lines, Log: t.Output(),
	}, faults)
	if err := errors.Join(err, result.Print(t.Output())); err != nil {
		t.Error(err)
	}
	if failed := result.Failed(); len(failed) > 0 {
		t.Errorf("%q\n%s", failed, &lines)
	}
	var came []string
	for _, x := range result.Trials {
		came = append(came, x.Fault.Name)
		if x.Cut || x.Found.IsZero() || !x.Quiet.After(x.Broken) {
			t.Errorf("not all of it was seen: %s", x)
		}
	}
	slices.Sort(names)
	slices.Sort(came)
	if !slices.Equal(came, names) {
		t.Errorf("there came %q, want each of %q once", came, names)
	}
}
