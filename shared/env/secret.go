package env

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// Secret is a value that is never shown: it prints as ***.
type Secret string

// Reveal returns the value, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format hides the value from every verb.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // fmt does not look at it either
}

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Secret returns a secret setting: its value, or what the file that its NAME_FILE
// names holds, without the line breaks at the end; empty when neither is set.
func (get Lookup) Secret(name string) (Secret, error) {
	text, direct := get(name)
	path, byFile := get(name + "_FILE")
	switch {
	case direct && byFile:
		return "", fmt.Errorf("both %s and %s_FILE are set: give one", name, name)
	case !byFile:
		return Secret(text), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	if text = strings.TrimRight(string(trimMark(data)), "\r\n"); text == "" {
		return "", fmt.Errorf("the file that %s_FILE names is empty", name)
	}
	return Secret(text), nil
}

// trimMark takes off the byte order mark that editors on Windows write.
func trimMark(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\ufeff")) }
