package runbook

import (
	"strings"
	"unicode"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"golang.org/x/text/unicode/norm"
)

// terms are what a text says, in the order of it: English words by their stems, Korean
// ones as pairs of syllables, so that what is glued to a word does not hide it, names
// like lock_until whole and by their parts.
func terms(text string) (all []string) {
	text = strings.ToLower(norm.NFKC.String(text))
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !inWord(r) }) {
		for word != "" {
			part, pairs := sameScript(word)
			word = word[len(part):]
			if pairs {
				all = append(all, syllables(part)...)
			} else {
				all = append(all, stems(part)...)
			}
		}
	}
	return all
}

// joints hold the parts of a name together.
const joints = "_.:'"

func inWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.M) || strings.ContainsRune(joints, r)
}

// sameScript is the head of a word that is all of scripts that are read in pairs, or
// all of others: Korean glues particles to names (Kafka가).
func sameScript(word string) (head string, paired bool) {
	for i, r := range word {
		is := unicode.In(r, unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana)
		if i == 0 {
			paired = is
		}
		if is != paired {
			return word[:i], paired
		}
	}
	return word, paired
}

// particles are what is glued to a Korean noun.
const particles = "은는이가을를에의도로와과만"

// syllables are each two that follow each other. A noun of one syllable stands by
// itself too, for a pair of it and its particle finds nothing; longer ones are found by
// their other pairs.
func syllables(part string) (all []string) {
	runes := []rune(part)
	if len(runes) == 1 {
		return []string{part}
	}
	for i := range runes[1:] {
		all = append(all, string(runes[i:i+2]))
	}
	if len(runes) == 2 && strings.ContainsRune(particles, runes[1]) {
		all = append(all, string(runes[0]))
	}
	return all
}

// stems are those of a word, or of a name and of its parts.
func stems(part string) (all []string) {
	name := strings.Trim(part, joints)
	pieces := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '.' || r == ':' })
	if len(pieces) > 1 {
		pieces = append(pieces, name)
	}
	for _, word := range pieces {
		if !stop[word] {
			all = append(all, stem(word))
		}
	}
	return all
}

func stem(word string) string {
	e := snowballstem.NewEnv(word)
	english.Stem(e)
	return e.Current()
}

// stop are words that stand in every text.
var stop = set("a an and are as at be been but by can could did do does for from had has have he her his how i if in into is it its me my no not of on or our she should so such than that the their them then there these they this to too us was we were what when where which while who why will with would you your")

func set(words string) map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		all[w] = true
	}
	return all
}
