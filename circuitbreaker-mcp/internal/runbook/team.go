package runbook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// What is read of the team's directory at most.
const (
	maxFiles     = 200
	maxFile      = 256 << 10 // bytes
	maxTeam      = 4 << 20   // bytes in all
	maxDepth     = 4         // folders
	maxEntries   = 5000      // looked at
	maxLeft      = 20        // files told of that were not taken
	maxNameBytes = 200
)

// team is what was read of the team's directory.
type team struct {
	pages []*Page
	left  []string
	state string // name, size and time of each file, when they were read
}

// shelfmark is a file of the team.
type shelfmark struct {
	name string
	size int64
	at   time.Time
}

// read reads the directory if it has changed. One that does not answer, or not in
// time, leaves what was read of it before out of account: it may be old.
func (t *team) read(ctx context.Context, dir string, wait time.Duration) (changed bool, source fault.Source) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	type outcome struct {
		t   team
		err error
	}
	done := make(chan outcome, 1)
	before := t.state
	go func() {
		fresh, err := readTeam(ctx, dir, before)
		done <- outcome{fresh, err}
	}()
	source = fault.Source{Name: "runbooks of the team", Asked: "RUNBOOK_DIR " + foreign.Clean(dir, foreign.MaxText)}
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done(): // a call into a file system that hangs cannot be ended
		o.err = ctx.Err()
	}
	source.Took = time.Since(start)
	if o.err != nil {
		source.Err = failure(o.err)
		changed = t.pages != nil
		*t = team{}
		return changed, source
	}
	if o.t.state == before && before != "" {
		t.left = o.t.left
		return false, source
	}
	*t = o.t
	return true, source
}

func failure(err error) *fault.Failure {
	f := &fault.Failure{Class: fault.Unexpected, Said: foreign.Text(err.Error()), Err: err, Next: "Look at RUNBOOK_DIR"}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		f.Class, f.Next = fault.Timeout, "The file system that RUNBOOK_DIR lies on does not answer"
	case errors.Is(err, fs.ErrNotExist):
		f.Class, f.Next = fault.MissingPath, "RUNBOOK_DIR names no directory: make it, or unset it"
	case errors.Is(err, fs.ErrPermission):
		f.Class, f.Next = fault.Permission, "Give this server's account the right to read RUNBOOK_DIR"
	}
	return f
}

// readTeam reads the markdown below dir, unless its state is still the one given.
// Nothing outside of dir is read, whatever links there are.
func readTeam(ctx context.Context, dir, before string) (team, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return team{}, err
	}
	defer root.Close()
	marks, left, err := look(ctx, root)
	if err != nil {
		return team{}, err
	}
	t := team{left: left, state: fmt.Sprint(marks, left)}
	if t.state == before {
		return t, nil
	}
	for _, m := range marks {
		if err := ctx.Err(); err != nil {
			return team{}, err
		}
		text, err := readFile(root, m.name)
		if err != nil {
			t.leave(m.name, "it cannot be read")
			continue
		}
		p := parse("team/"+strings.TrimSuffix(m.name, path.Ext(m.name)), text, true)
		t.pages = append(t.pages, &p)
	}
	return t, nil
}

func (t *team) leave(name, why string) { t.left = leave(t.left, name, why) }

func leave(left []string, name, why string) []string {
	switch {
	case len(left) < maxLeft:
		return append(left, foreign.Text(name).Quoted()+": "+why)
	case len(left) == maxLeft:
		return append(left, "and more")
	}
	return left
}

// look lists the files to read, in the order of their names.
func look(ctx context.Context, root *os.Root) (marks []shelfmark, left []string, err error) {
	total, entries := int64(0), 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, failed error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if name == "." {
			return failed
		}
		if entries++; entries > maxEntries {
			left = leave(left, name, fmt.Sprintf("RUNBOOK_DIR has more than %d entries", maxEntries))
			return fs.SkipAll
		}
		mark, why, next := judge(root, name, d, failed)
		switch {
		case mark.name == "":
		case len(marks) == maxFiles:
			why = fmt.Sprintf("RUNBOOK_DIR has more than %d pages", maxFiles)
		case total+mark.size > maxTeam:
			why = fmt.Sprintf("RUNBOOK_DIR has more than %d bytes", maxTeam)
		default:
			total += mark.size
			marks = append(marks, mark)
		}
		if why != "" {
			left = leave(left, name, why)
		}
		return next
	})
	return marks, left, err
}

// judge says of an entry what is to be read, or why it is not, and where to go on.
// What is no markdown is passed over without a word.
func judge(root *os.Root, name string, d fs.DirEntry, failed error) (mark shelfmark, why string, next error) {
	switch hidden := strings.HasPrefix(path.Base(name), "."); {
	case failed != nil:
		return mark, "it cannot be read", nil //nolint:nilerr // it is left out, and the others are read
	case d.IsDir() && hidden: // also what a mounted ConfigMap keeps its versions in
		return mark, "", fs.SkipDir
	case d.IsDir() && strings.Count(name, "/") >= maxDepth-1:
		return mark, fmt.Sprintf("it lies deeper than %d folders", maxDepth), fs.SkipDir
	case d.IsDir(), hidden, !strings.EqualFold(path.Ext(name), ".md"):
		return mark, "", nil
	}
	info, err := root.Stat(name) // of what a link points to, which must be inside
	switch {
	case err != nil:
		why = "it leads outside of RUNBOOK_DIR, or nowhere"
	case !info.Mode().IsRegular():
		why = "it is no file"
	case !plain(name):
		why = "its name has other characters than letters, digits, space and . _ - ( )"
	case info.Size() > maxFile:
		why = fmt.Sprintf("it has %d bytes, more than %d", info.Size(), maxFile)
	default:
		mark = shelfmark{name, info.Size(), info.ModTime()}
	}
	return mark, why, nil
}

// plain reports whether a name can be asked for again as it is shown.
func plain(name string) bool {
	return len(name) <= maxNameBytes && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !slices.Contains([]rune("/._- ()"), r)
	})
}

// readFile reads a file, and no more of it than it may have.
func readFile(root *os.Root, name string) (string, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // exchanged since it was looked at
		return "", fs.ErrInvalid
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(data), err
}
