package incident

import (
	"regexp"
	"strings"
)

var (
	// forGood are words of steps that cannot be undone.
	forGood = regexp.MustCompile(`(?i)\b(del|unlink|delet(e|es|ing)|flush\w*|drops?|truncat(e|es|ing)|kill(s|ing)?|purg(e|es|ing)|remov(e|es|ing)|republish\w*|replay\w*|re-?send|re-?emit\w*|` +
		`reset(s|ting)?|reset-offsets|refund(s|ing)?|insert into|update \w+ set|forc(e|es|ing)|clear(s|ing)?|alter(s|ing)?|skip(s|ping)?)\b`)
	// decided are words of those who decide about such a step, or to whom it is left.
	decided = regexp.MustCompile(`(?i)\b(human|person|people|somebody|whoever|whom?|owners?|administrators?|dba|engineering|accounting|finance|provider|decid(e|es|ed)|approv(e|es|ed|al)|confirm(s|ed)?|agree(s|d)?|have them)\b`)
	// refrain are words right before that of a step that is not to be taken.
	refrain = regexp.MustCompile(`(?i)(\b(not|never|nor|without|no|stop|avoid)|n't)\s+((\w+\s+)?(or|nor)\s+)?$`)
	// refrainAfter are such words right after it.
	refrainAfter = regexp.MustCompile(`(?i)^\s+(nothing|none|no)\b`)
	// told are words right before what is no step at all: a thing, or what happens by itself.
	told = regexp.MustCompile(`(?i)\b(an?|the|any|each|every|one|second|further|this|that|these|those|its|their|it|they|which|is|are|was|were|be|been)\s+$`)
	// looks are words with which a part of a step begins that only looks.
	looks = regexp.MustCompile(`(?i)^\W*(look|see|find|ask|check|compare|list|afterwards ask|wait|\w+_\w+:)`)
	// parts are where a step goes on to something else.
	parts = regexp.MustCompile(`(?i)[;,]\s|\.\s|\bthen\b|\band\b`)
)

// Safe reports whether a step changes nothing that cannot be changed back, or leaves
// that to a person. That something else in it is not to be done makes no step safe.
func Safe(step string) bool {
	if decided.MatchString(step) {
		return true
	}
	from := 0
	for _, end := range append(parts.FindAllStringIndex(step, -1), []int{len(step), len(step)}) {
		part := step[from:end[0]]
		from = end[1]
		if !looks.MatchString(part) && !harmless(part) {
			return false
		}
	}
	return true
}

// harmless reports whether each word of a part that stands for what cannot be undone
// stands there as what is not to be done, or as something that is told of.
func harmless(part string) bool {
	for _, at := range forGood.FindAllStringIndex(part, -1) {
		before, after := part[:at[0]], part[at[1]:]
		if strings.TrimSpace(before) == "" && !refrainAfter.MatchString(after) {
			return false
		}
		if !refrain.MatchString(before) && !refrainAfter.MatchString(after) && !told.MatchString(before) {
			return false
		}
	}
	return true
}
