// Package token makes the short-lived tokens by which a second call proves that
// what it asks for was shown by a first one. A token says nothing of what it
// stands for; it holds a keyed digest of that, under a key that each process makes
// for itself and tells nobody. What it carries besides can be read by everybody and
// changed by nobody.
package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// Life is how long a token is good for.
const Life = 5 * time.Minute

// Why a token is not good.
var (
	ErrNotOurs = errors.New("the token is none of this process's")
	ErrExpired = errors.New("the token has expired")
	ErrUsed    = errors.New("the token was used before")
	ErrOther   = errors.New("the token was given out for something else")
)

// Mint gives tokens out and takes them back, each once. It is safe for concurrent
// use.
type Mint struct {
	key []byte
	now func() time.Time

	mu   sync.Mutex
	used map[string]time.Time // by nonce: when it expires anyway
}

// NewMint returns a mint with a key of its own.
func NewMint() *Mint { return newMint(time.Now) }

func newMint(now func() time.Time) *Mint {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return &Mint{key: key, now: now, used: map[string]time.Time{}}
}

const (
	nonceSize = 12
	headSize  = nonceSize + 8
	tagSize   = 16
)

// Give returns a token that carries note, for something told in any number of parts.
func (m *Mint) Give(note []byte, parts ...string) string {
	b := make([]byte, nonceSize)
	_, _ = rand.Read(b)                                                         // it never fails
	b = binary.BigEndian.AppendUint64(b, uint64(m.now().Add(Life).UnixMilli())) //nolint:gosec // a date after 1970
	b = append(b, note...)
	return base64.RawURLEncoding.EncodeToString(append(b, m.tag(b, parts)...))
}

// tag is of a token's body, then of each part with its length before it, so that no
// two lists of parts look alike.
func (m *Mint) tag(body []byte, parts []string) []byte {
	mac := hmac.New(sha256.New, m.key)
	for _, p := range append([]string{string(body)}, parts...) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)[:tagSize]
}

// Check returns what a token carries, or why it is not good for something now.
func (m *Mint) Check(text string, parts ...string) (note []byte, err error) {
	o, err := m.open(text, parts)
	return o.note, err
}

// Take is Check that uses the token up: of several that take one token at once, one
// gets it.
func (m *Mint) Take(text string, parts ...string) (note []byte, err error) {
	o, err := m.open(text, parts)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, at := range m.used {
		if at.Before(m.now()) {
			delete(m.used, n)
		}
	}
	if _, used := m.used[o.nonce]; used {
		return nil, ErrUsed
	}
	m.used[o.nonce] = o.expires
	return o.note, nil
}

// opened is a token taken apart.
type opened struct {
	nonce   string
	expires time.Time
	note    []byte
}

func (m *Mint) open(text string, parts []string) (o opened, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < headSize+tagSize {
		return o, ErrNotOurs
	}
	body, tag := b[:len(b)-tagSize], b[len(b)-tagSize:]
	nonce := string(body[:nonceSize])
	expires := time.UnixMilli(int64(binary.BigEndian.Uint64(body[nonceSize:headSize]))) //nolint:gosec // of a token that is ours it is a date
	m.mu.Lock()
	_, used := m.used[nonce]
	m.mu.Unlock()
	switch {
	case used:
		return o, ErrUsed
	case !hmac.Equal(tag, m.tag(body, parts)):
		return o, ErrOther
	case m.now().After(expires):
		return o, ErrExpired
	}
	return opened{nonce, expires, body[headSize:]}, nil
}
