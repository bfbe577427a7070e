package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Groups are consumer groups that must be at work.
type Groups []Group

// Group is a consumer group, and the topics that it is to consume; none when the
// setting does not say.
type Group struct {
	Name   string
	Topics []string
}

// UnmarshalText takes a comma list of group or group:topic+topic. Group names may
// hold colons; topic names cannot.
func (g *Groups) UnmarshalText(text []byte) error {
	var all Groups
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		group := Group{Name: part}
		if i := strings.LastIndexByte(part, ':'); i >= 0 {
			group.Name, group.Topics = part[:i], strings.Split(part[i+1:], "+")
			if group.Name == "" || slices.Contains(group.Topics, "") {
				return fmt.Errorf("entry %d: want group or group:topic+topic", len(all)+1)
			}
		}
		if slices.ContainsFunc(all, func(other Group) bool { return other.Name == group.Name }) {
			return fmt.Errorf("entry %d: %s is in the list twice", len(all)+1, group.Name)
		}
		all = append(all, group)
	}
	if len(all) == 0 {
		return errors.New("want a comma list of group or group:topic+topic")
	}
	*g = all
	return nil
}
