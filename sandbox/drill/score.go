package drill

// Score is how many scenarios are fully right: of those in which something is wrong,
// and of those in which it only looks so.
type Score struct{ Incidents, Right, Near, NearRight int }

// Note counts a scenario.
func (s *Score) Note(healthy, right bool) {
	of, good := &s.Incidents, &s.Right
	if healthy {
		of, good = &s.Near, &s.NearRight
	}
	*of++
	if right {
		*good++
	}
}

// Value is the share of incidents that are fully right times that of near misses, 0
// to 1; where there were none of the one, the share of the other. So neither silence
// nor noise is worth anything: who says ok to everything is right about near misses
// alone, who reports everything about nothing.
func (s Score) Value() float64 {
	value := 1.0
	if s.Incidents > 0 {
		value *= float64(s.Right) / float64(s.Incidents)
	}
	if s.Near > 0 {
		value *= float64(s.NearRight) / float64(s.Near)
	}
	return value
}
