//go:build unix

package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Some hosts give a server pipes, some sockets, one for each stream or one for both.
// More is answered here than either holds, to a host that is slow to read.
func TestStreamsOfEachKind(t *testing.T) {
	kinds := map[string]func(*testing.T) (read, in, out, write *os.File){
		"a pipe each": func(t *testing.T) (read, in, out, write *os.File) {
			in, write = pair(t, os.Pipe)
			read, out = pair(t, os.Pipe)
			return read, in, out, write
		},
		"a socket each": func(t *testing.T) (read, in, out, write *os.File) {
			in, write = pair(t, sockets)
			read, out = pair(t, sockets)
			return read, in, out, write
		},
		"a socket for both": func(t *testing.T) (read, in, out, write *os.File) {
			host, server := pair(t, sockets)
			return host, server, server, host
		},
	}
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const calls = 500
			requests := []string{`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`}
			for i := range calls {
				requests = append(requests, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"run_test","arguments":{"do":"large","bytes":2000}}}`, i))
			}

			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := child(ctx, nil)
			read, in, out, write := open(t)
			cmd.Stdin, cmd.Stdout = in, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			in.Close() // so that the streams end when the server does
			out.Close()
			defer func() {
				cancel()
				_ = cmd.Wait() // it was killed
			}()
			if _, err := write.WriteString(strings.Join(requests, "\n") + "\n"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond) // this host does something else first
			lines, size := bufio.NewReader(read), 0
			for n := range len(requests) {
				line, err := lines.ReadBytes('\n')
				if err != nil || !json.Valid(line) {
					t.Fatalf("after %d of %d answers: %v %.100s", n, len(requests), err, line)
				}
				size += len(line)
			}
			if size < 1<<20 {
				t.Errorf("%d bytes were answered: a socket may hold them all", size)
			}
		})
	}
}

// pair returns two ends that are closed after the test.
func pair(t *testing.T, open func() (a, b *os.File, err error)) (a, b *os.File) {
	t.Helper()
	a, b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		b.Close()
	})
	return a, b
}

// sockets are the two ends of one connection.
func sockets() (a, b *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b"), nil
}
