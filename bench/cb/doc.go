// Package cb measures circuitbreaker-mcp: what an answer costs beside the slowest of
// the systems that it asks, how long it waits for one that hangs, and how many
// tokens it takes.
//
// A figure of an answer that does not say what is so is void.
package cb
