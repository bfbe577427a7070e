// Package sandbox measures the simulated payment system: how many payments it
// authorizes in a second on real servers, with everything that follows from
// them, and how soon and at what size the demo, which needs nothing but Go,
// gives its first answer.
package sandbox
