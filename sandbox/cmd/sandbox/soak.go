package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"payops-mcp/sandbox/soak"
	"payops-mcp/sandbox/watch"
)

func soakSystem(ctx context.Context, args []string) error {
	var w watching
	fs := flag.NewFlagSet("soak", flag.ContinueOnError)
	w.flags(fs, 30*time.Minute)
	only := fs.String("faults", "", "comma `LIST` of the faults that come and go, by the beginnings of their names; by default all")
	if err := fs.Parse(args); err != nil {
		return err
	}
	faults, err := chosen(*only)
	if err != nil {
		return err
	}
	return w.run(ctx, func(ctx context.Context, o watch.Options) error {
		fmt.Fprintf(os.Stderr, "seed %d\n", o.Seed)
		result, err := soak.Run(ctx, o, faults)
		err = errors.Join(err, result.Print(os.Stderr))
		if failed := result.Failed(); len(failed) > 0 {
			err = errors.Join(err, fmt.Errorf("not as it should be:\n  %s", strings.Join(failed, "\n  ")))
		}
		return err
	})
}

// chosen are the faults whose names begin with one of a list.
func chosen(list string) ([]soak.Fault, error) {
	all := soak.Faults()
	if list == "" {
		return all, nil
	}
	var some []soak.Fault
	for word := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(f soak.Fault) bool { return strings.HasPrefix(f.Name, strings.TrimSpace(word)) })
		if i < 0 {
			var names []string
			for _, f := range all {
				names = append(names, f.Name)
			}
			return nil, fmt.Errorf("no fault is called %q: there are %s", word, strings.Join(names, ", "))
		}
		some = append(some, all[i])
	}
	return some, nil
}
