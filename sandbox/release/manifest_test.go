package release

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// format is what our bundles use of the format of manifest.json.
const format = "testdata/manifest.schema.json"

// judgeManifest holds a manifest against the format, which allows nothing that it does
// not name.
func judgeManifest(text []byte) error {
	source, err := os.ReadFile(format)
	if err != nil {
		return err
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(source, &schema); err != nil {
		return err
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		return err
	}
	var manifest any
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err
	}
	return resolved.Validate(manifest)
}

// TestTheSchemaRefuses makes sure that the schema is one that can be failed.
func TestTheSchemaRefuses(t *testing.T) {
	good := `{"manifest_version":"0.3","name":"n","version":"1.0.0","description":"d","author":{"name":"a"},"server":{"type":"binary","entry_point":"e","mcp_config":{"command":"c"}},"tools":[{"name":"t","description":"d"}],"user_config":{}}`
	if err := judgeManifest([]byte(good)); err != nil {
		t.Errorf("the least manifest: %v", err)
	}
	for _, change := range [][2]string{
		{`"0.3"`, `"0.2"`}, {`"name":"n",`, ``}, {`"binary"`, `"perl"`}, {`"description":"d"`, `"description":7`},
		{`"author":{"name":"a"}`, `"author":{"name":"a","phone":"1"}`}, {`"version"`, `"unheard_of":1,"version"`},
	} {
		if err := judgeManifest([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("with %s it passes", change[1])
		}
	}
}
