package incident

import (
	"context"
	"strconv"
)

// changeLoad changes how many payments merchants send in a second and keeps what
// it was.
func changeLoad(ctx context.Context, w *World, did *Injected, rate float64) error {
	load, err := w.Stack.Load(ctx)
	if err != nil {
		return err
	}
	if did.Kept == nil {
		did.Kept = map[string]string{}
	}
	if _, kept := did.Kept["rate"]; !kept {
		did.Kept["rate"] = strconv.FormatFloat(load.Rate, 'g', -1, 64)
	}
	return w.Stack.SetLoad(ctx, rate)
}

// restoreLoad undoes changeLoad.
func restoreLoad(ctx context.Context, w *World, did Injected) error {
	kept, ok := did.Kept["rate"]
	if !ok {
		return nil
	}
	rate, err := strconv.ParseFloat(kept, 64)
	if err != nil {
		return err
	}
	return w.Stack.SetLoad(ctx, rate)
}
