package tools

import (
	"reflect"
	"testing"

	"payops-mcp/rediscache-mcp/internal/redisdb"
)

func TestCursor(t *testing.T) {
	for _, c := range []cursor{
		{question: 7},
		{question: 7, after: true, rank: 0.834, hash: 1 << 63},
		{question: 7, at: []redisdb.Position{{Server: 1, Cursor: 1 << 62}, {Server: 1 << 31, Done: true}}, after: true, rank: -1},
	} {
		got, err := readCursor(c.String(), 7)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v is read as %+v, %v", c, got, err)
		}
		text := c.String()
		for i := range len(text) {
			if cut, err := readCursor(text[:i], 7); err == nil && i > 0 && reflect.DeepEqual(cut, c) {
				t.Errorf("%q is read as the whole of %q", text[:i], text)
			}
		}
		if _, err := readCursor(text, 8); err == nil {
			t.Error("a cursor of another question was taken")
		}
	}
}
