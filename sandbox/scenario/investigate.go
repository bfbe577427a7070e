package scenario

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
)

// Investigation is what was asked and what came out.
type Investigation struct {
	Prompt string
	Args   map[string]string // what the prompt was given
	Calls  []Call
	// Roots are the causes that were named and that no other one explains.
	Roots []Finding
}

// Investigate takes a prompt and works as its text says: the calls of a step go
// out, then each tool that a finding names under confirm_with is asked, and that
// until a cause is named that explains every symptom; as long as there is none,
// the next step follows.
func (s Servers) Investigate(ctx context.Context, prompt string, args map[string]string) (*Investigation, error) {
	v := &investigator{
		Investigation: Investigation{Prompt: prompt, Args: args},
		servers:       s, listed: map[string]map[string]host.Tool{},
	}
	if err := v.list(ctx); err != nil {
		return nil, err
	}
	text, err := s.prompt(ctx, prompt, args)
	if err != nil {
		return nil, err
	}
	todo := steps(text, func(server, tool string) bool { _, ok := v.listed[server][tool]; return ok })
	if len(todo) == 0 {
		return nil, fmt.Errorf("prompt %s has no numbered step that names a tool:\n%s", prompt, text)
	}
	for n, step := range todo {
		for _, w := range step.calls {
			if err := v.ask(ctx, step.server, w.tool, w.args, fmt.Sprintf("step %d of %s", n+1, prompt), ""); err != nil {
				return nil, err
			}
		}
		if err := v.confirm(ctx); err != nil {
			return nil, err
		}
		if settled(v.found) {
			break
		}
	}
	v.Roots = roots(v.found)
	return &v.Investigation, nil
}

// prompt asks any of the servers: all have the same prompts.
func (s Servers) prompt(ctx context.Context, name string, args map[string]string) (string, error) {
	for _, server := range slices.Sorted(maps.Keys(s)) {
		return s[server].Prompt(ctx, name, args)
	}
	return "", fmt.Errorf("prompt %s: no server is connected", name)
}

type investigator struct {
	Investigation
	servers Servers
	listed  map[string]map[string]host.Tool // by server and name
	found   []Finding
	data    []any // of each answer
}

func (v *investigator) list(ctx context.Context) error {
	for name, server := range v.servers {
		tools, err := server.Tools(ctx)
		if err != nil {
			return err
		}
		v.listed[name] = map[string]host.Tool{}
		for _, t := range tools {
			v.listed[name][t.Name] = t
		}
	}
	return nil
}

// confirm asks the tools that findings name, those of their answers too.
func (v *investigator) confirm(ctx context.Context) error {
	for n := 0; n < len(v.found); n++ { // it grows
		f := v.found[n]
		if f.Confirm == "" || !f.serious() {
			continue
		}
		server, ok := v.serverOf(f.Confirm)
		if !ok {
			return fmt.Errorf("%s is to be confirmed with %s, and no server lists that", f.Code, f.Confirm)
		}
		if err := v.ask(ctx, server, f.Confirm, nil, "confirm_with of "+string(f.Code), f.Claim); err != nil {
			return err
		}
	}
	return nil
}

func (v *investigator) serverOf(tool string) (string, bool) {
	for _, server := range slices.Sorted(maps.Keys(v.listed)) {
		if _, ok := v.listed[server][tool]; ok {
			return server, true
		}
	}
	return "", false
}

// ask calls a tool, once in an investigation. What it requires and was not given is
// taken from the prompt's arguments and from earlier answers; a tool for which that
// is not enough is not asked.
func (v *investigator) ask(ctx context.Context, server, tool string, given map[string]string, why, claim string) error {
	if slices.ContainsFunc(v.Calls, func(c Call) bool { return c.Tool == tool }) {
		return nil
	}
	t := v.listed[server][tool]
	args := map[string]any{}
	for name, value := range given {
		typed, err := typed(t.Arguments[name], value)
		if err != nil {
			return fmt.Errorf("%s %s=%s: %w", tool, name, value, err)
		}
		args[name] = typed
	}
	for _, name := range t.Required {
		if _, ok := args[name]; ok {
			continue
		}
		value, ok := v.known(name, claim)
		if !ok {
			return nil
		}
		typed, err := typed(t.Arguments[name], value)
		if err != nil {
			return fmt.Errorf("%s %s=%s: %w", tool, name, value, err)
		}
		args[name] = typed
	}
	call, err := v.servers.Ask(ctx, incident.Ask{Question: why, Server: server, Tool: tool, Args: args})
	if err != nil {
		return err
	}
	s, err := call.structured()
	if err != nil {
		return err
	}
	v.Calls = append(v.Calls, call)
	v.found = append(v.found, s.Findings...)
	v.data = append(v.data, s.Data)
	return nil
}

// known is a value for an argument: the prompt's, else one that an answer has
// under that name, and that the claim speaks of where there is such a one.
func (v *investigator) known(name, claim string) (string, bool) {
	if value := v.Args[name]; value != "" {
		return value, true
	}
	var some []string
	for _, data := range slices.Backward(v.data) {
		some = append(some, named(data, name)...)
	}
	for _, value := range some {
		if claim != "" && strings.Contains(claim, value) {
			return value, true
		}
	}
	if len(some) == 0 {
		return "", false
	}
	return some[0], true
}

// named are the plain values under a name, wherever in the data.
func named(data any, name string) (all []string) {
	switch data := data.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(data)) {
			switch value := data[k].(type) {
			case string:
				if k == name {
					all = append(all, value)
				}
			case float64:
				if k == name {
					all = append(all, strconv.FormatFloat(value, 'f', -1, 64))
				}
			default:
				all = append(all, named(value, name)...)
			}
		}
	case []any:
		for _, item := range data {
			all = append(all, named(item, name)...)
		}
	}
	return all
}

// typed is a value as the schema wants it.
func typed(kind, value string) (any, error) {
	switch kind {
	case "integer":
		return strconv.ParseInt(value, 10, 64)
	case "number":
		return strconv.ParseFloat(value, 64)
	case "boolean":
		return strconv.ParseBool(value)
	}
	return value, nil
}
