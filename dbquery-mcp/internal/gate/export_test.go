package gate

import (
	"maps"
	"slices"
)

// Functions are all functions that are allowed.
func Functions() []string {
	all := slices.Collect(maps.Keys(functions))
	return slices.Sorted(slices.Values(append(all, sortedKeys(withOwnGrammar)...)))
}

// Reserved reports whether a word is taken for no bare name.
func Reserved(word string) bool { return reserved[word] }

// Units are what intervals count in.
func Units() []string { return sortedKeys(units) }

// SystemVariables are those that may be read.
func SystemVariables() []string { return sortedKeys(systemVariables) }
