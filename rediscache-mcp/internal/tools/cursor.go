package tools

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/fault"
)

// cursor is where a scan stopped, or what was shown last of a list that was whole.
// It holds no secret and gives no right, and is short, since a model repeats it.
type cursor struct {
	question uint32
	at       []redisdb.Position // where the keys begin that are asked for; nil: at the beginning
	after    bool               // only what stands behind rank and hash
	rank     float64
	hash     uint64
}

const cursorVersion = 1

// String packs the cursor.
func (c cursor) String() string {
	b := binary.BigEndian.AppendUint32([]byte{cursorVersion}, c.question)
	if c.after {
		b = binary.BigEndian.AppendUint64(append(b, 1), math.Float64bits(c.rank))
		b = binary.BigEndian.AppendUint64(b, c.hash)
	} else {
		b = append(b, 0)
	}
	for _, p := range c.at {
		done := byte(0)
		if p.Done {
			done = 1
		}
		b = binary.BigEndian.AppendUint32(append(b, done), p.Server)
		b = binary.AppendUvarint(b, p.Cursor)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// readCursor is the opposite of String. An empty text is the beginning.
func readCursor(text string, question uint32) (cursor, error) {
	c := cursor{question: question}
	if text == "" {
		return c, nil
	}
	refused := fault.Invalidf("cursor is not one of this tool's: take it from the answer before as it is, or leave it out")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 6 || b[0] != cursorVersion || b[5] > 1 {
		return c, refused
	}
	if binary.BigEndian.Uint32(b[1:]) != question {
		return c, fault.Invalidf("cursor belongs to other arguments: repeat those of the answer before, or leave it out")
	}
	c.after = b[5] == 1
	b = b[6:]
	if c.after {
		if len(b) < 16 {
			return c, refused
		}
		c.rank, c.hash = math.Float64frombits(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])
		b = b[16:]
	}
	for len(b) > 0 {
		if len(b) < 6 || b[0] > 1 {
			return c, refused
		}
		p := redisdb.Position{Done: b[0] == 1, Server: binary.BigEndian.Uint32(b[1:])}
		at, size := binary.Uvarint(b[5:])
		if size <= 0 {
			return c, refused
		}
		p.Cursor = at
		c.at = append(c.at, p)
		b = b[5+size:]
	}
	return c, nil
}

// question is of all that makes the pages of a question.
func (d Deps) question(parts ...any) uint32 {
	h := fnv.New32a()
	if err := json.NewEncoder(h).Encode(append(parts, d.Scope, d.RateKey.String(), d.IdemKey.String())); err != nil {
		panic("tools: a question does not encode: " + err.Error())
	}
	return h.Sum32()
}
