package stack

import (
	"fmt"
	"strings"
)

// Parts is a set of services.
type Parts uint

// The services there are.
const (
	PartMariaDB Parts = 1 << iota
	PartRedis
	PartPrometheus
	PartIngest
	PartKafka

	// All is every service.
	All = PartMariaDB | PartRedis | PartPrometheus | PartIngest | PartKafka
)

// partNames are the words for ParseParts, in the order of the bits.
var partNames = []string{"mariadb", "redis", "prometheus", "ingest", "kafka"}

// Has says whether every service of other is in the set.
func (p Parts) Has(other Parts) bool { return p&other == other }

// String lists the services, separated by commas.
func (p Parts) String() string {
	var names []string
	for i, name := range partNames {
		if p.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseParts reads a list as String writes it; "" and "all" mean All.
func ParseParts(list string) (Parts, error) {
	if list == "" || list == "all" {
		return All, nil
	}
	var p Parts
next:
	for word := range strings.SplitSeq(list, ",") {
		for i, name := range partNames {
			if strings.TrimSpace(word) == name {
				p |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("unknown service %q: want some of %s, or all", word, strings.Join(partNames, ", "))
	}
	return p, nil
}
