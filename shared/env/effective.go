package env

import (
	"maps"
	"slices"
	"strings"
)

// Value is a setting with what it is set to.
type Value struct {
	Setting
	Value string // as it was written, *** for a secret, the default where nothing was
	From  string // environment, file, default or unset
}

// Effective lists every setting of the struct that config points to with what it
// is set to; of a numbered group the numbers that are. Load says which values win
// and which count as not set.
func Effective(config any, environ []string, file string) []Value {
	known := Settings(config)
	fromFile := map[string]string{}
	if file != "" {
		fromFile, _ = readFile(file) // Load tells of its mistakes
	}
	fromEnviron := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && isSet(v) {
			fromEnviron[k] = v
		}
	}
	find := func(s Setting, name string) Value {
		for _, place := range []struct {
			name   string
			values map[string]string
		}{{"environment", fromEnviron}, {"file", fromFile}} {
			text, set := place.values[name]
			if !set && s.Secret {
				text, set = place.values[name+"_FILE"]
			}
			if !set || !isSet(text) {
				continue
			}
			if s.Secret {
				text = "***"
			}
			return Value{Setting{name, s.Default, s.Help, s.Secret}, text, place.name}
		}
		if s.Default != "" {
			return Value{s, s.Default, "default"}
		}
		return Value{s, "", "unset"}
	}

	names := slices.Sorted(maps.Keys(fromEnviron))
	names = append(names, slices.Sorted(maps.Keys(fromFile))...)
	var all []Value
	for _, s := range known {
		stem, isGroup := strings.CutSuffix(s.Name, "n")
		if !isGroup || strings.ToUpper(stem) != stem {
			all = append(all, find(s, s.Name))
			continue
		}
		told := map[string]bool{}
		for _, name := range names {
			name = strings.TrimSuffix(name, "_FILE")
			if !told[name] && strings.TrimRight(name, "0123456789") == stem && name != stem {
				told[name] = true
				all = append(all, find(s, name))
			}
		}
	}
	return all
}
