package incidents

import (
	"slices"

	"payops-mcp/sandbox/drill"
)

// Update notes in a baseline what became of scenarios: right is what is so in every
// seed. What was not run stays as it is.
func Update(b *drill.Baseline, records []Record) {
	wrong := map[string]string{}
	for _, r := range records {
		if wrong[r.Name] == "" {
			wrong[r.Name] = ""
			if !r.Right() {
				wrong[r.Name] = r.inWords()
			}
		}
	}
	for name, words := range wrong {
		b.Note(name, words)
	}
}

// Lost are the scenarios that are right in a baseline and are not in all records of
// them.
func Lost(b drill.Baseline, records []Record) (names []string) {
	for _, r := range records {
		if !r.Right() && slices.Contains(b.Right, r.Name) && !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}
