package drill

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"payops-mcp/sandbox/incident"
)

func TestScenariosAreNamedByWhatHappens(t *testing.T) {
	get := func(ids ...string) (all []incident.Incident) {
		for _, id := range ids {
			i, err := incident.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, i)
		}
		return all
	}
	for _, c := range []struct {
		s       Scenario
		name    string
		family  string
		mode    Mode
		living  bool
		healthy bool
	}{
		{Scenario{Incidents: get("OB-04")}, "OB-04", "OB", Alone, false, false},
		{Scenario{Incidents: get("NM-08")}, "NM-08", "NM", Alone, false, true},
		{Scenario{Incidents: get("OB-04"), Near: get("NM-09")}, "OB-04 over near misses", "OB", Over, false, false},
		{Scenario{Incidents: get("CB-01", "RD-01")}, "CB-01 + RD-01", "pairs", Pair, true, false},
		{Scenario{Near: incident.NearMisses(false)}, "near misses (static)", "NM", Noise, false, true},
		{Scenario{Near: incident.NearMisses(true)}, "near misses (living)", "NM", Noise, true, true},
	} {
		if c.s.Name() != c.name || c.s.Family() != c.family || c.s.Mode() != c.mode || c.s.Living() != c.living || c.s.Healthy() != c.healthy {
			t.Errorf("%s: name %q, family %s, mode %s, living %v, healthy %v", c.name, c.s.Name(), c.s.Family(), c.s.Mode(), c.s.Living(), c.s.Healthy())
		}
	}
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		s    Score
		want float64
	}{
		{Score{10, 10, 4, 4}, 1},
		{Score{10, 5, 4, 2}, 0.25},
		{Score{10, 0, 4, 4}, 0}, // ok to everything
		{Score{10, 1, 4, 0}, 0}, // everything to everything
		{Score{10, 5, 0, 0}, 0.5},
	} {
		if got := c.s.Value(); got != c.want {
			t.Errorf("%+v is worth %v, want %v", c.s, got, c.want)
		}
	}
	var s Score
	s.Note(false, true)
	s.Note(false, false)
	s.Note(true, true)
	if s != (Score{2, 1, 1, 1}) {
		t.Errorf("counted %+v", s)
	}
}

func TestBaseline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "baseline.json")
	b, err := ReadBaseline(file)
	if err != nil {
		t.Fatal(err)
	}
	b.Note("RD-01", "")
	b.Note("LG-01", "")
	b.Note("OB-04", "says too much")
	b.Note("LG-01", "lost")
	b.Note("OB-04", "")
	if err := b.Write(file); err != nil {
		t.Fatal(err)
	}
	if b, err = ReadBaseline(file); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.Right, []string{"OB-04", "RD-01"}) || len(b.Open) != 1 || b.Open["LG-01"] != "lost" {
		t.Errorf("the file has %+v", b)
	}
	if !b.Has("LG-01") || !b.Has("OB-04") || b.Has("XX-99") {
		t.Errorf("has LG-01 %v, OB-04 %v, XX-99 %v", b.Has("LG-01"), b.Has("OB-04"), b.Has("XX-99"))
	}
	if err := os.WriteFile(file, []byte("["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadBaseline(file); err == nil {
		t.Error("a broken file is read")
	}
}

func TestEventsAskEachQuestionOnce(t *testing.T) {
	a := incident.Ask{Server: "s", Tool: "t", Args: map[string]any{"merchant_id": "M-1"}}
	b := incident.Ask{Server: "s", Tool: "t", Args: map[string]any{"merchant_id": "M-2"}}
	all := events{{Did: incident.Injected{Asks: []incident.Ask{a, b}}}, {Did: incident.Injected{Asks: []incident.Ask{b, a}}}}
	if asks := all.asks(); len(asks) != 2 {
		t.Errorf("asks %v", asks)
	}
}

// Who needs no other settings goes on, and knows what was before.
func TestSettingsAreOfTheServersThatAreAsked(t *testing.T) {
	wrong := map[string]string{"PASSWORD": "wrong"}
	all := events{
		{Did: incident.Injected{Asks: []incident.Ask{{Server: "cache", Tool: "a"}}}},
		{Did: incident.Injected{Asks: []incident.Ask{{Server: "kafka", Tool: "b"}, {Server: "kafka", Tool: "c"}}, Settings: wrong}},
	}
	with := all.settings()
	if len(with["cache"]) != 0 || !maps.Equal(with["kafka"], wrong) {
		t.Errorf("%v", with)
	}
}
