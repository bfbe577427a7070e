// Package redis measures the scans of rediscache-mcp on a large Redis: what they
// cost beside the least that a scan can cost and beside what they replace, how long
// another client waits meanwhile, whether a budget is kept and the covered share is
// true, and what a single question and an answer cost.
//
// The Redis is a real one, with keys of the shapes that the payment system writes
// and some that are wrong, planted. A figure of an answer that does not find every
// one of these is void. What is compared is asked in turn within one run.
package redis
