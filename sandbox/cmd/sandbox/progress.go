package main

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// progress tells, every few seconds, how far the go command is, from the lines
// that it writes: one for each package that it compiles.
func progress(out io.Writer) io.Writer { return &compiled{out: out, told: time.Now()} }

type compiled struct {
	out  io.Writer
	n    int
	told time.Time
}

// tellEvery is how often progress is told.
const tellEvery = 2 * time.Second

func (c *compiled) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte{'\n'})
	if now := time.Now(); now.Sub(c.told) >= tellEvery {
		c.told = now
		last := bytes.TrimSpace(p)
		if i := bytes.LastIndexByte(last, '\n'); i >= 0 {
			last = last[i+1:]
		}
		_, _ = fmt.Fprintf(c.out, "compiled %d packages, now %s\n", c.n, last)
	}
	return len(p), nil
}
