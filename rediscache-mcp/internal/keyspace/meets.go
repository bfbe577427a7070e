package keyspace

// Meets reports whether a counter of some action and merchant can match a pattern of
// SCAN. A set like [a-z] counts as any one byte.
func (t RateTemplate) Meets(pattern string) bool {
	for _, a := range Actions {
		if meet(steps(pattern), steps(t.Pattern(a))) {
			return true
		}
	}
	return false
}

// Meets reports whether some cached answer can match a pattern of SCAN.
func (t IdemTemplate) Meets(pattern string) bool { return meet(steps(pattern), steps(t.Pattern())) }

// A step of a pattern is a byte, or one of these.
const (
	anyByte  = -1
	anyBytes = -2
)

// steps takes a pattern of SCAN apart.
func steps(pattern string) (all []int) {
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*':
			all = append(all, anyBytes)
		case c == '?':
			all = append(all, anyByte)
		case c == '[':
			for i++; i < len(pattern) && pattern[i] != ']'; i++ {
				if pattern[i] == '\\' {
					i++
				}
			}
			all = append(all, anyByte)
		case c == '\\' && i+1 < len(pattern):
			i++
			all = append(all, int(pattern[i]))
		default:
			all = append(all, int(c))
		}
	}
	return all
}

// meet reports whether some text matches both patterns.
func meet(a, b []int) bool {
	// next[j] says whether what is left of a, behind the step at hand, meets b[j:].
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		now := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				now[j] = true
			case i < len(a) && a[i] == anyBytes:
				now[j] = next[j] || j < len(b) && now[j+1]
			case j < len(b) && b[j] == anyBytes:
				now[j] = now[j+1] || i < len(a) && next[j]
			case i < len(a) && j < len(b):
				now[j] = (a[i] == anyByte || b[j] == anyByte || a[i] == b[j]) && next[j+1]
			}
		}
		next = now
	}
	return next[0]
}
