// Package incidents measures how good the three servers are at their main job: when
// something is wrong with a payment system, is the right cause named, and is nothing
// else?
//
// Every incident of sandbox/incident happens to a real system: alone, on top of the
// near misses that can hold together with it, and in pairs that are drawn by a
// seed, as are all names, ids, counts and times. The built servers are asked over
// stdio what an engineer would ask, and incident.Assess judges what they say;
// package drill does both, here as in the end-to-end tests.
//
// # The score
//
// A scenario is fully right when nothing is wrong with any answer: each root cause
// named by the server that sees it, with its numbers, before its symptoms, with a
// safe next step; nothing named besides; no answer healthy that is not; no alarm
// before it, nor after its repair. The score is
//
//	share of incidents fully right x share of near misses fully right
//
// so that neither silence nor noise is worth anything: a server that says ok to
// everything is right on near misses alone, and one that reports everything on
// nothing. TestServersThatCheat in sandbox/e2e holds it to that.
package incidents
