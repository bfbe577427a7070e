package runbook

import (
	"slices"
	"strings"
	"testing"
)

const sample = `# Checkout is down

Call the shop first.

` + "```sh\n# not a heading\necho hi\n```" + `

## Who to call
<!-- words: 전화, 연락처 -->
Kim, then Lee.

### Night

Lee.

## Who to call

Nobody.
`

func TestParseSplitsAtHeadings(t *testing.T) {
	p := parse("team/checkout", sample, true)
	if p.Title != "Checkout is down" || !p.Team {
		t.Errorf("page %q", p.Title)
	}
	if got, want := p.Anchors(), []string{"who-to-call", "night", "who-to-call-1"}; !slices.Equal(got, want) {
		t.Fatalf("anchors %q, want %q", got, want)
	}
	if s := p.Sections[0]; !strings.Contains(s.Text, "# not a heading") || s.Heading != "Checkout is down" {
		t.Errorf("head: %+v", s)
	}
	if s := p.Sections[1]; s.words != "전화, 연락처" || s.Text != "Kim, then Lee." {
		t.Errorf("section: %+v", s)
	}
	md := p.Markdown()
	if strings.Contains(md, "words:") || !strings.Contains(md, "### Night\n\nLee.\n") || !strings.HasPrefix(md, "# Checkout is down\n\nCall") {
		t.Errorf("markdown is\n%s", md)
	}
	if i, ok := p.Section("NIGHT"); !ok || p.SectionID(i) != "team/checkout#night" {
		t.Errorf("section %d %v", i, ok)
	}
}

func TestParseTakesAnything(t *testing.T) {
	for _, text := range []string{"", "\n\n", "## only\n", "no heading at all", "```\n# never closed", "# a\n# b\n", "#\n##\n", "\xff\xfe# x\n", strings.Repeat("#", 1000), "##   \n## !!!\n## !!!\n"} {
		p := parse("x", text, true)
		if len(p.Sections) == 0 {
			t.Errorf("%q: no section", text)
		}
		for _, c := range chunks(&p) {
			if c.first > c.last || c.last >= len(p.Sections) {
				t.Errorf("%q: chunk %+v", text, c)
			}
		}
	}
}

func TestChunksJoinSmallSectionsAndCutBigOnes(t *testing.T) {
	big := strings.Repeat("a paragraph of some words that goes on.\n\n", 200)
	p := parse("x", "# X\n\nhead\n\n## A\n\nfew\n\n## B\n\nwords\n\n## Big\n\n"+big, false)
	all := chunks(&p)
	if all[0].first != 0 || all[0].last != 0 || all[0].text != "head" {
		t.Errorf("the head of the page: %+v", all[0])
	}
	joined := all[1]
	if joined.first != 1 || joined.heading != "A / B / Big" || !strings.Contains(joined.text, "## B") {
		t.Errorf("small sections: %d-%d %q", joined.first, joined.last, joined.heading)
	}
	p = parse("x", "# X\n\n## Big\n\n"+big+"\n## Next\n\nsmall\n", false)
	all = chunks(&p)
	if len(all) < 4 {
		t.Fatalf("%d chunks of %d bytes", len(all), len(big))
	}
	whole := ""
	for _, c := range all {
		if len(c.text) > 2*maxChunk+200 {
			t.Errorf("a chunk of %d bytes", len(c.text))
		}
		whole += c.text + "\n\n"
	}
	if n := strings.Count(whole, "a paragraph"); n != 200 {
		t.Errorf("%d of 200 paragraphs are left", n)
	}
}

func TestTermsOfEnglishAndKorean(t *testing.T) {
	for text, want := range map[string][]string{
		"The brokers are unreachable": {"broker", "unreach"},
		"브로커가":                        {"브로", "로커", "커가"},
		"Kafka가 outbox에":              {"kafka", "가", "outbox", "에"},
		"랙이":                          {"랙이", "랙"},
		"OUTBOX_LOCK_STUCK":           {"outbox", "lock", "stuck", "outbox_lock_stuck"},
		"max.poll.interval.ms":        {"max", "poll", "interv", "ms", "max.poll.interval.m"},
		"ＫＡＦＫＡ":                       {"kafka"},
		"429를":                        {"429", "를"},
		"\u1112\u1161\u11ab글":         {"한글"}, // as a file of a Mac has it
		"(it's) 'down'. Why?":         {"it", "down"},
		"\xff\xfe…—":                  nil,
		"":                            nil,
	} {
		if got := terms(text); !slices.Equal(got, want) {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
