package scenario

import (
	"regexp"
	"strings"
)

// step is what a prompt wants asked next: tools of one server.
type step struct {
	server string
	calls  []wanted
}

// wanted is a tool that is to be asked, with the arguments that the prompt gives.
type wanted struct {
	tool string
	args map[string]string
}

var (
	numbered = regexp.MustCompile(`(?m)^\d+\. (.+) \((\S+)\)$`)
	// A tool's name and the name=value pairs behind it.
	asked = regexp.MustCompile(`\b([a-z]+(?:_[a-z]+)+)((?: [a-z_]+=[^\s,:;]+)*)`)
)

// steps reads the numbered steps of a prompt. A word is a tool if the server that
// the step names lists it.
func steps(prompt string, lists func(server, tool string) bool) (all []step) {
	for _, line := range numbered.FindAllStringSubmatch(prompt, -1) {
		s := step{server: line[2]}
		for _, m := range asked.FindAllStringSubmatch(line[1], -1) {
			if !lists(s.server, m[1]) {
				continue
			}
			w := wanted{m[1], map[string]string{}}
			for pair := range strings.FieldsSeq(m[2]) {
				name, value, _ := strings.Cut(pair, "=")
				w.args[name] = value
			}
			s.calls = append(s.calls, w)
		}
		all = append(all, s)
	}
	return all
}
