package serve_test

import (
	"io"
	"strconv"
	"strings"
	"testing"
)

// What is no request is answered with an error, under its id where that can be
// told, and the next request is served.
func TestInputThatIsNoRequest(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		id   string // of the error; empty when no answer must come
		code int
	}{
		"garbage":               {`hello`, `null`, -32700},
		"half a message":        {`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":`, `5`, -32700},
		"two on a line":         {`{"jsonrpc":"2.0","id":5,"method":"ping"}{"jsonrpc":"2.0","id":6,"method":"ping"}`, `5`, -32700},
		"empty":                 {``, ``, 0},
		"blank":                 {" \t ", ``, 0},
		"line break of windows": {"\r", ``, 0},
		"NUL":                   {"\x00", `null`, -32700},
		"NUL in a text":         {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\x00\"}", `"a"`, -32700},
		"invalid utf-8":         {"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"tools/call\",\"params\":{\"name\":\"run_test\",\"arguments\":{\"text\":\"\xff\"}}}", `8`, -32700},
		"invalid utf-8 in id":   {"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}", `null`, -32700},
		"deeply nested":         {`{"jsonrpc":"2.0","id":9,"params":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, `9`, -32700},
		"nested, id behind":     {`{"params":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `,"id":9}`, `null`, -32700},
		"no message":            {`7`, `null`, -32700},
		"batch":                 {`[{"jsonrpc":"2.0","id":5,"method":"ping"}]`, `null`, -32700},
		"without version":       {`{"id":5,"method":"ping"}`, `5`, -32600},
		"without method":        {`{"jsonrpc":"2.0","id":5}`, `5`, -32601},
		"odd id":                {`{"jsonrpc":"2.0","id":{"a":[1]},"method":"no/such"}`, `{"a":[1]}`, -32601},
		"too long":              {`{"jsonrpc":"2.0","id":11,"method":"tools/call","params":{"name":"run_test","arguments":{"pad":"` + strings.Repeat("x", 10<<20) + `"}}}`, `11`, -32600},
		"too long, id behind":   {`{"params":{"pad":"` + strings.Repeat("x", 2<<20) + `"},"id":11}`, `null`, -32600},
		"too long garbage":      {strings.Repeat("x", 2<<20), `null`, -32600},
		"unknown notification":  {`{"jsonrpc":"2.0","method":"notifications/none"}`, ``, 0},
		"answer to nothing":     {`{"jsonrpc":"2.0","id":99,"result":{}}`, ``, 0},
		"null as id":            {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, ``, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.initialize("2025-11-25")
			p.send(c.line, call("next", "nothing"))
			if m := p.answer("next"); m.isError() {
				t.Errorf("the next call: %s", m.line)
			}
			p.awaitPong()
			var errors []message
			p.mu.Lock()
			for _, m := range p.got {
				if m.Error != nil {
					errors = append(errors, m)
				}
			}
			p.mu.Unlock()
			switch {
			case c.id == "" && len(errors) == 0:
			case len(errors) != 1:
				t.Errorf("%d errors: %v", len(errors), errors)
			case string(errors[0].ID) != c.id || errors[0].Error.Code != c.code:
				t.Errorf("got id %s, code %d; want %s, %d", errors[0].ID, errors[0].Error.Code, c.id, c.code)
			}
			p.in.Close()
			if code, took := p.exit(); code != 0 || took > lastMoment {
				t.Errorf("exit code %d after %s", code, took)
			}
		})
	}
}

func TestLineBreaksOfWindows(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	p.write(call(1, "nothing") + "\r\n" + call(2, "nothing") + "\r\n")
	p.answer(1)
	p.answer(2)
}

// The library would take a line of any length into memory, several times over.
func TestLongLinesTakeNoMemory(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	memory := func(id string) int {
		p.send(call(id, "memory"))
		n, err := strconv.Atoi(strings.SplitN(p.answer(id).text(), "\n", 2)[0])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := memory("before")
	p.write(`{"jsonrpc":"2.0","id":"long","pad":"`)
	if _, err := io.CopyN(p.in, zeros{}, 100<<20); err != nil {
		t.Fatal(err)
	}
	p.send(`"}`)
	if m := p.answer("long"); m.Error == nil || !strings.Contains(m.Error.Message, "1048576 bytes that are taken") {
		t.Errorf("got %s", m.line)
	}
	if grown := memory("after") - before; grown > 20<<20 {
		t.Errorf("a line of 100 MB took %d MB", grown>>20)
	}
}

// zeros is an endless text.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// The longest line that is taken reaches the handler.
func TestALineOfTheLongestLengthIsTaken(t *testing.T) {
	p := start(t)
	p.initialize("2025-11-25")
	line := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_test","arguments":{"pad":"`
	end := `"}}}`
	p.send(line + strings.Repeat("x", 1<<20-1-len(line)-len(end)) + end)
	if m := p.answer(1); m.isError() || m.Error != nil {
		t.Error(m.line)
	}
	p.send(strings.Replace(line, `"id":1`, `"id":2`, 1) + strings.Repeat("x", 1<<20-len(line)-len(end)) + end)
	if m := p.answer(2); m.Error == nil {
		t.Errorf("a line of one byte more was taken: %.200s", m.line)
	}
}
