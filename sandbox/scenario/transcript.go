package scenario

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Transcript is the investigation as people read it: what was noticed, the prompt
// and what it was given, each call with the reason for it and its answer, and what
// was concluded. [Outline] reads it again.
func (i *Investigation) Transcript(noticed string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nprompt %s %s\n", strings.TrimSpace(noticed), i.Prompt, compact(i.Args))
	for _, c := range i.Calls {
		fmt.Fprintf(&b, "\n# %s\n> %s\n%s\n", c.Question, c.line(), strings.TrimSpace(c.Answer.Text))
	}
	b.WriteString("\n")
	for _, f := range i.Roots {
		fmt.Fprintf(&b, "= %s: %s\n", f.Code, f.Claim)
	}
	return b.String()
}

var (
	promptLine  = regexp.MustCompile(`^prompt (\S+) (\{.*\})$`)
	reasonLine  = regexp.MustCompile(`^# (.+)$`)
	callLine    = regexp.MustCompile(`^> (\S+ \S+) (\{.*\})$`)
	verdictLine = regexp.MustCompile(`^verdict: (\S+)`)
	findingLine = regexp.MustCompile(`^\d+\. ([A-Z0-9_]+ \[[a-z]+ [a-z]+\])`)
	rootLine    = regexp.MustCompile(`^= ([A-Z0-9_]+):`)
)

// Outline is what two transcripts of the same thing that happened at different times
// have in common: the prompt, the calls in order with the reason for each, the
// verdicts, the findings in order, and the conclusion. What the prompt was given
// stands in it by its name.
func Outline(transcript string) ([]string, error) {
	var outline []string
	given := map[string]string{}
	for line := range strings.Lines(transcript) {
		line = strings.TrimRight(line, "\n")
		if m := promptLine.FindStringSubmatch(line); m != nil {
			if err := json.Unmarshal([]byte(m[2]), &given); err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			outline = append(outline, "prompt "+m[1])
		}
		if m := callLine.FindStringSubmatch(line); m != nil {
			var args map[string]any
			numbers := json.NewDecoder(strings.NewReader(m[2]))
			numbers.UseNumber()
			if err := numbers.Decode(&args); err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			for name, value := range args {
				if given[name] == fmt.Sprint(value) {
					args[name] = "the prompt's"
				}
			}
			outline = append(outline, "> "+m[1]+" "+compact(args))
		}
		for _, plain := range []*regexp.Regexp{reasonLine, verdictLine, findingLine, rootLine} {
			if m := plain.FindStringSubmatch(line); m != nil {
				outline = append(outline, m[1])
			}
		}
	}
	if !slices.ContainsFunc(outline, func(s string) bool { return strings.HasPrefix(s, "> ") }) {
		return nil, fmt.Errorf("there is no call in the transcript %.200q", transcript)
	}
	return outline, nil
}
