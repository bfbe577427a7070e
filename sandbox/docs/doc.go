// Package docs proves the documents for people: README.md, CONTRIBUTING.md and
// what lies in docs, in both languages. It has nothing but tests. Every command,
// configuration, tool call and link in them is run, or, where that would change
// the machine, held against what it is for. A block that no test understands is
// an error.
package docs
