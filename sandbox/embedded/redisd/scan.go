package redisd

import (
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// scan answers SCAN in steps. A key's place is the hash of its name, and the
// cursor is the place to go on from: whatever comes and goes meanwhile, a key
// that is there all the time is found.
func (s *Server) scan(c *server.Peer, args []string) bool {
	if len(args) == 0 {
		return s.refuse(c, "ERR", "wrong number of arguments for 'scan' command")
	}
	from, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return s.refuse(c, "ERR", "invalid cursor")
	}
	count, kind, match := 10, "", (*regexp.Regexp)(nil)
	for i := 1; i+1 < len(args); i += 2 {
		switch value := args[i+1]; strings.ToUpper(args[i]) {
		case "COUNT":
			if count, err = strconv.Atoi(value); err != nil || count < 1 {
				return s.refuse(c, "ERR", "value is not an integer or out of range")
			}
		case "MATCH":
			match = glob(value)
		case "TYPE":
			kind = strings.ToLower(value)
		default:
			return s.refuse(c, "ERR", "syntax error")
		}
	}
	keys, next := page(s.mini.Keys(), from, count)
	keys = slices.DeleteFunc(keys, func(key string) bool {
		return match != nil && !match.MatchString(key) || kind != "" && s.mini.Type(key) != kind
	})
	c.WriteLen(2)
	c.WriteBulk(strconv.FormatUint(next, 10))
	c.WriteStrings(keys)
	return true
}

// page are the keys whose places begin at from, at least count of them where
// there are as many, and the cursor behind them; 0 when there are no more.
func page(keys []string, from uint64, count int) ([]string, uint64) {
	type placed struct {
		at  uint64
		key string
	}
	var all []placed
	for _, key := range keys {
		if at := place(key); at >= from {
			all = append(all, placed{at, key})
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return strings.Compare(a.key, b.key)
	})
	n := min(count, len(all))
	// Those of one place are never parted.
	for n > 0 && n < len(all) && all[n].at == all[n-1].at {
		n++
	}
	found := make([]string, n)
	for i := range found {
		found[i] = all[i].key
	}
	if n == len(all) {
		return found, 0
	}
	return found, all[n].at
}

// place is never 0, which ends a scan, and fits a signed number.
func place(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return h.Sum64()>>2 + 1
}

// glob is a pattern of Redis as a regular expression.
func glob(pattern string) *regexp.Regexp {
	var re strings.Builder
	re.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*':
			re.WriteString(".*")
		case c == '?':
			re.WriteString(".")
		case c == '[':
			end := strings.IndexByte(pattern[i:], ']')
			if end < 0 {
				re.WriteString(`\[`)
				continue
			}
			re.WriteString(strings.ReplaceAll(pattern[i:i+end+1], `\`, `\\`))
			i += end
		case c == '\\' && i+1 < len(pattern):
			i++
			re.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			re.WriteString(regexp.QuoteMeta(string([]byte{c})))
		}
	}
	re.WriteString(`\z`)
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return regexp.MustCompile(`\A\z`)
	}
	return compiled
}
