package tools

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/fnv"
	"math/bits"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/fault"
)

// cursor is where a page ended, and what the pages before it were made of. It
// holds no secret and gives no right: what it says of the position only narrows
// what the arguments ask for.
type cursor struct {
	hash     uint64 // of the question: with another one it is refused
	window   paydb.Window
	position paydb.Position
	answered uint64 // a bit for each shard that answered so far
}

const cursorVersion = 1

// String packs the cursor.
func (c cursor) String() string {
	b := []byte{cursorVersion}
	b = binary.BigEndian.AppendUint64(b, c.hash)
	for _, t := range []time.Time{c.window.Since, c.window.Until, c.position.At} {
		b = binary.AppendVarint(b, micros(t))
	}
	b = binary.AppendVarint(b, c.position.ID)
	b = binary.AppendUvarint(b, uint64(c.position.Shard))
	b = binary.AppendUvarint(b, c.answered)
	return base64.RawURLEncoding.EncodeToString(append(b, c.position.Amount...))
}

// micros is 0 for no time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

var errCursor = fault.Invalidf("cursor is not one of this tool's: take it from the answer before as it is, or leave it out")

// readCursor is the opposite of String.
func readCursor(text string) (*cursor, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 9 || b[0] != cursorVersion {
		return nil, errCursor
	}
	c := &cursor{hash: binary.BigEndian.Uint64(b[1:9])}
	r := varints{rest: b[9:]}
	c.window.Since, c.window.Until, c.position.At = fromMicros(r.signed()), fromMicros(r.signed()), fromMicros(r.signed())
	c.position.ID = r.signed()
	c.position.Shard = int(r.unsigned() & 0xffff)
	c.answered = r.unsigned()
	c.position.Amount = string(r.rest)
	if r.err != nil || c.position.Amount != "" && new(paydb.Sum).Add(c.position.Amount) != nil {
		return nil, errCursor
	}
	return c, nil
}

type varints struct {
	rest []byte
	err  error
}

var errShort = errors.New("cut short")

func (v *varints) signed() int64 {
	n, size := binary.Varint(v.rest)
	v.skip(size)
	return n
}

func (v *varints) unsigned() uint64 {
	n, size := binary.Uvarint(v.rest)
	v.skip(size)
	return n
}

func (v *varints) skip(size int) {
	if size <= 0 {
		v.err, v.rest = errShort, nil
		return
	}
	v.rest = v.rest[size:]
}

// hash is of all that makes the pages of a question: its conditions and order, in
// this server's scope, zone and shards; not how many payments a page has.
func (d Deps) hash(q *question) uint64 {
	u := q.understood
	h := fnv.New64a()
	err := json.NewEncoder(h).Encode([]any{
		u.Statuses, u.NotStatuses, u.MerchantIDs, u.NotMerchantIDs, u.PaymentIDs, u.Keys, u.Currency, u.Time.String(), q.ask.Order,
		q.ask.Min, q.ask.Max, d.Scope, d.Zone.String(), d.DB.Shards(),
	})
	if err != nil {
		panic("tools: a question does not encode: " + err.Error())
	}
	return h.Sum64()
}

// answeredBits notes which shards answered.
func answeredBits[T any](replies []paydb.Reply[T]) (set uint64) {
	for i, r := range replies {
		if r.Source.OK() {
			set |= bits.RotateLeft64(1, i)
		}
	}
	return set
}
