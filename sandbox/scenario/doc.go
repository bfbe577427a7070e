// Package scenario investigates as a model does that has nothing but the three
// servers: it takes a prompt, asks what the prompt says, and then follows the
// answers from tool to tool until they name a cause. It knows nothing of what has
// happened.
package scenario
