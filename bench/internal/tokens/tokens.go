// Package tokens counts what a text costs a model. Models count differently; the
// project's figures are all in o200k_base, which is public.
package tokens

import (
	"sync"

	"github.com/tiktoken-go/tokenizer/codec"
)

// Encoding is the name of what Count counts in.
const Encoding = "o200k_base"

// The vocabulary takes a moment and some memory to make.
var encoding = sync.OnceValue(codec.NewO200kBase)

// Count returns the number of tokens of a text.
func Count(text string) (int, error) { return encoding().Count(text) }
