package fault

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Together asks several sources side by side: it runs the functions and returns
// when all have returned. A panic in one goes on in the caller, where it fails
// that one call; in a goroutine of its own it would end the whole server.
func Together(asks ...func()) {
	var wg sync.WaitGroup
	broken := make(chan error, len(asks))
	guarded := func(ask func()) {
		defer func() {
			if r := recover(); r != nil {
				broken <- fmt.Errorf("%v\n%s", r, debug.Stack())
			}
		}()
		ask()
	}
	for i, ask := range asks {
		if i == len(asks)-1 { // the caller itself would only wait
			guarded(ask)
			break
		}
		wg.Go(func() { guarded(ask) })
	}
	wg.Wait()
	select {
	case err := <-broken:
		panic(err)
	default:
	}
}

// TogetherEach is Together for one function and the numbers from 0 to n-1.
func TogetherEach(n int, ask func(i int)) {
	asks := make([]func(), n)
	for i := range n {
		asks[i] = func() { ask(i) }
	}
	Together(asks...)
}
