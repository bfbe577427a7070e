package env

import (
	"fmt"
	"os"
	"strings"
)

// readFile reads KEY=VALUE lines; # starts a comment line, one pair of quotes
// around a value is taken off. Nothing is expanded: a $ in a password stays one.
// It returns what it could read, and every mistake.
func readFile(name string) (values map[string]string, errs []error) {
	values = map[string]string{}
	data, err := os.ReadFile(name)
	if err != nil {
		return values, []error{fmt.Errorf("settings file: %w", err)}
	}
	n := 0
	for line := range strings.Lines(string(trimMark(data))) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || strings.ContainsAny(key, " \t") {
			errs = append(errs, fmt.Errorf("%s line %d: want NAME=value", name, n))
			continue
		}
		if _, twice := values[key]; twice {
			errs = append(errs, fmt.Errorf("%s line %d: %s is set twice", name, n, key))
			continue
		}
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		values[key] = value
	}
	return values, errs
}
