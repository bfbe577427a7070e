// Package redisd is a Redis for where there is none: miniredis, with what it
// lacks put around it: what the server tells of itself, its settings, memory
// limit, accounts, and SCAN in steps. Time passes by itself.
//
// It is for a first look and proves nothing: there is no eviction, no disk and
// no replica. Tests speak to a real Redis.
package redisd
