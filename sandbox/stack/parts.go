package stack

import (
	"errors"
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
	// PartPaysim is the payment system itself in place of PartIngest, the
	// stand-in for a part of it. It needs MariaDB, Redis and Kafka.
	PartPaysim

	// All is every service that a static system has: one in which nothing
	// happens unless it is written into it.
	All = PartMariaDB | PartRedis | PartPrometheus | PartIngest | PartKafka
	// Living is every service that a living system has.
	Living = All&^PartIngest | PartPaysim
)

// partNames are the words for ParseParts, in the order of the bits.
var partNames = []string{"mariadb", "redis", "prometheus", "ingest", "kafka", "paysim"}

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

// validate says which services cannot be together, or not without others.
func (p Parts) validate() error {
	const needs = PartMariaDB | PartRedis | PartKafka
	switch {
	case p.Has(PartIngest | PartPaysim):
		return errors.New("ingest is a stand-in for paysim: start the one or the other")
	case p.Has(PartPaysim) && !p.Has(needs):
		return fmt.Errorf("paysim needs %s; start them too", needs)
	}
	return nil
}

// ParseParts reads a list as String writes it; "" and "all" mean All, "living"
// means Living.
func ParseParts(list string) (Parts, error) {
	switch list {
	case "", "all":
		return All, nil
	case "living":
		return Living, nil
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
		return 0, fmt.Errorf("unknown service %q: want some of %s, or all, or living", word, strings.Join(partNames, ", "))
	}
	return p, p.validate()
}
