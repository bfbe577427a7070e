package filter

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// UnknownWord refuses a filter for a word that is not in its vocabulary.
type UnknownWord struct {
	Word     string
	Nearest  string // the nearest known word, empty if none is near
	Position int    // of its first character, counted from 1
	Hint     string // what to do if the word is no mistake
	Known    string // what could have stood here; a summary if empty
}

func (e *UnknownWord) Error() string {
	s := fmt.Sprintf("%s (character %d) is not understood", show(e.Word), e.Position)
	if e.Nearest != "" {
		s += "; the nearest known word is " + show(e.Nearest)
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	if e.Known != "" {
		return s + "; " + e.Known
	}
	return s + "; understood are " + Summary
}

// Summary says what a filter can hold, for messages and descriptions.
const Summary = `statuses (failed, captured, refunds, pending, CAPTURE_FAILED), merchant X, payment 123, key K, amounts (over 10,000 KRW, between 1k and 2k, 1만원 이상), times (last 30 minutes, since 14:00, yesterday, 지난 1시간), not or except, an order (newest, largest) and a limit (first 10)`

// Kind says why a filter was refused although its words are known.
type Kind string

// The kinds of a Refusal.
const (
	TooLong       Kind = "toolong"
	BadCharacter  Kind = "badchar"
	BadNumber     Kind = "badnumber"
	Incomplete    Kind = "incomplete"    // a word needs something that does not follow
	Ambiguous     Kind = "ambiguous"     // two readings find different payments
	Contradiction Kind = "contradiction" // nothing can meet all that is asked
	Unsupported   Kind = "unsupported"   // clear, but cannot be asked here
	OutOfRange    Kind = "range"
	BadTime       Kind = "time" // Unwrap gives the *when.Error
)

// Refusal refuses a filter whose words are known.
type Refusal struct {
	Kind     Kind
	Text     string // the words in question
	Position int    // of their first character, counted from 1; 0 if not in one place
	Reason   string
	Err      error // of another package, if it comes from there
}

func (e *Refusal) Error() string {
	at := ""
	if e.Position > 0 {
		at = fmt.Sprintf(" (character %d)", e.Position)
	}
	if e.Text == "" {
		return e.Reason + at
	}
	return show(e.Text) + at + ": " + e.Reason
}

func (e *Refusal) Unwrap() error { return e.Err }

// show makes any text safe and short enough for a message.
func show(s string) string {
	const limit = 40
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	return strconv.Quote(s)
}

// checkText refuses what no grammar should look at.
func checkText(text string) error {
	if len(text) > MaxLength*utf8.UTFMax || utf8.RuneCountInString(text) > MaxLength {
		return &Refusal{Kind: TooLong, Reason: fmt.Sprintf("the filter is %d bytes long; it may have %d characters", len(text), MaxLength)}
	}
	n := 0
	for i, r := range text {
		n++
		switch {
		case r == utf8.RuneError && text[i] != "\uFFFD"[0]:
			return &Refusal{Kind: BadCharacter, Position: n, Reason: "the filter is not valid UTF-8"}
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r):
			return &Refusal{Kind: BadCharacter, Position: n, Reason: fmt.Sprintf("the filter has an invisible character, %U, which may make it look like something else; leave it out", r)}
		}
	}
	return nil
}
