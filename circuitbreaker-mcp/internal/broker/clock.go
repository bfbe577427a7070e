package broker

import "time"

// Clock is how the clocks by which records are stamped compare with this machine's.
// Brokers tell no time, so somebody else of the payment system has to be asked.
type Clock struct {
	Known bool          // whether anybody told
	Ahead time.Duration // by how much they are ahead of this machine's; 0 when by next to nothing
	Apart time.Duration // by how much those who told differ; 0 when by next to nothing
}

// now is the time by the clock that stamps records.
func (c Clock) now() time.Time { return time.Now().Add(c.Ahead) }
