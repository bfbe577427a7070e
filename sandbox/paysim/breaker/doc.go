// Package breaker is a circuit breaker with the semantics of Resilience4j
// 2.1.0: a count-based window, thresholds for failures and for slow calls, six
// states, a half-open window of its own size, and a transition from OPEN to
// HALF_OPEN that a timer makes, with or without calls.
//
// It is written here because no library for Go has them. sony/gobreaker counts
// calls since an interval began and closes after consecutive successes: no
// window of the last n calls, no slow calls, three states. failsafe-go has the
// window and the ratios, but neither slow calls, nor calls that were not
// permitted as a number, nor the forced and disabled states; its OPEN ends with
// the next call, not with a timer. What an operator sees of a breaker here must
// be what Resilience4j would have shown.
package breaker
