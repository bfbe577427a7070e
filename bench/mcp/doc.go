// Package mcp measures what the three servers cost beside a bare mcp-go server:
// how fast they start, also when every system they ask is down, what a call adds
// to its requests, whether slow calls hold up fast ones, memory, and the size of
// the tool list.
//
// Every comparison is made inside of one run, interleaved, in fresh processes; a
// figure is the median of whole runs, and a ratio where there is something to
// compare with, for absolute times drift with the machine.
package mcp
