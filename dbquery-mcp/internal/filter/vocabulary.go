package filter

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/agext/levenshtein"

	"payops-mcp/shared/when"
)

// kind says what an entry of the vocabulary does.
type kind int

const (
	kindFiller kind = iota
	kindPreposition
	kindNoun      // payments: any status
	kindAmong     // 중에서: closes what was said before
	kindStatus    // one status or a family
	kindNotStatus // a status and its negation in one
	kindStatusKey // "status", which a status must follow
	kindMerchantKey
	kindIDKey     // which an id must follow
	kindNounOrKey // payment, which an id may follow
	kindIdemKey
	kindCurrencyKey
	kindCurrency
	kindAmountKey
	kindBetween
	kindCompare // before an amount
	kindLimitKey
	kindTop
	kindOrder
	kindOpenOrder // an order without its direction
	kindNot
	kindExcept
	kindNotAfter // 제외, after what it excludes
	kindAnd
	kindOr
)

// entry is a word or a phrase and what it means.
type entry struct {
	words  string
	kind   kind
	exact  bool     // in these capitals only
	set    set      // kindStatus
	noun   bool     // kindStatus: stands for itself, is no adjective
	tight  bool     // kindNot, kindNotAfter: applies to the next or last word alone
	op     operator // kindCompare
	order  Order    // kindOrder
	symbol string   // kindCurrency
}

// operator is a comparison of amounts.
type operator int

const (
	exactly operator = iota
	moreThan
	atLeast
	lessThan
	atMost
)

// Fillers are the words without meaning in a filter. A word that changes what
// is asked for must never stand here.
var Fillers = strings.Fields(`
	show list find get give display fetch query search me us please
	all any every the a an that which where there only just
	is are was were be been being have has had
	record records row rows entry entries created made
	전체 모든 모두 전부 건 건들 내역 목록 리스트 기록 것 것들 좀 있는 있던 있었던 발생한 발생 관련
	보여줘 보여주세요 보여 조회 조회해줘 조회해주세요 찾아줘 찾아주세요 알려줘 알려주세요 해줘 주세요 줘
`)

var prepositions = strings.Fields(`for from by with in of at on to`)

// vocabulary is every entry; index finds those that may begin at a letter,
// longest first, so that "capture failed" goes before "capture".
var vocabulary, index = func() ([]entry, map[rune][]entry) {
	v := entries()
	idx := map[rune][]entry{}
	for _, e := range v {
		r, _ := utf8.DecodeRuneInString(strings.ToLower(e.words))
		idx[r] = append(idx[r], e)
	}
	for _, list := range idx {
		slices.SortStableFunc(list, func(a, b entry) int {
			if c := cmp.Compare(len(b.words), len(a.words)); c != 0 || a.exact == b.exact {
				return c
			}
			if a.exact {
				return -1
			}
			return 1
		})
	}
	return v, idx
}()

func entries() []entry {
	var v []entry
	add := func(e entry, words ...string) {
		for _, w := range words {
			e.words = w
			v = append(v, e)
		}
	}
	add(entry{kind: kindFiller}, Fillers...)
	add(entry{kind: kindPreposition}, prepositions...)
	add(entry{kind: kindNoun}, "transaction", "transactions", "거래")
	add(entry{kind: kindNounOrKey}, "payment", "payments", "결제")
	add(entry{kind: kindAmong}, "중에서", "중에", "중")

	// Statuses. In capitals and underscores a status is itself; in words it
	// may be a family.
	for n, st := range Statuses {
		one := set(1) << n
		add(entry{kind: kindStatus, set: one, noun: true, exact: true}, st.Name)
		if words := strings.ReplaceAll(strings.ToLower(st.Name), "_", " "); strings.Contains(words, " ") {
			add(entry{kind: kindStatus, set: one, noun: true}, words)
		}
	}
	adjectives := func(s set, words ...string) { add(entry{kind: kindStatus, set: s}, words...) }
	nouns := func(s set, words ...string) { add(entry{kind: kindStatus, set: s, noun: true}, words...) }
	adjectives(failed, "failed", "failing", "unsuccessful")
	nouns(failed, "failure", "failures", "실패")
	adjectives(pending, "pending", "in flight", "inflight", "in progress", "processing", "unfinished", "대기 중", "대기", "처리 중", "진행 중")
	adjectives(succeeded, "successful", "succeeded", "completed")
	nouns(succeeded, "성공", "완료", "결제 완료", "결제 성공")
	adjectives(of("CAPTURED"), "captured", "매입된")
	nouns(of("CAPTURED"), "매입 완료")
	nouns(captures, "capture", "captures", "매입")
	nouns(of("CAPTURE_FAILED"), "매입 실패")
	nouns(of("CAPTURE_REQUESTED"), "매입 요청")
	adjectives(of("CAPTURE_REQUESTED"), "매입 중인")
	adjectives(refunded, "refunded", "환불된")
	nouns(refunded, "successful refund", "successful refunds", "completed refund", "completed refunds", "환불 완료", "환불 성공")
	nouns(refunds, "refund", "refunds", "환불")
	nouns(of("PARTIAL_REFUNDED"), "partial refund", "partial refunds", "partially refunded", "부분 환불")
	nouns(of("REFUND_FAILED"), "환불 실패")
	nouns(of("REFUND_REQUESTED"), "환불 요청")
	adjectives(of("REFUND_REQUESTED"), "환불 중인")
	add(entry{kind: kindNotStatus, set: refunded}, "환불되지 않은")
	adjectives(of("READY"), "ready")
	adjectives(of("AUTHORIZED"), "authorized", "authorised", "승인된")
	nouns(of("AUTHORIZED"), "승인 완료")
	nouns(authorizations, "authorization", "authorizations", "authorisation", "authorisations", "auth", "승인")
	nouns(of("AUTH_FAILED"), "승인 실패", "authorization failed")
	adjectives(of("CANCELLED"), "cancelled", "canceled")
	nouns(of("CANCELLED"), "cancellation", "cancellations", "취소")
	add(entry{kind: kindStatusKey}, "status", "statuses", "상태")

	add(entry{kind: kindMerchantKey}, "merchant", "merchants", "merchant id", "merchant ids", "가맹점", "가맹점 ID", "가맹점 아이디", "상점", "상점 ID")
	add(entry{kind: kindIDKey}, "id", "ids", "payment id", "payment ids", "payment number", "payment no", "결제 ID", "결제 아이디", "결제 번호")
	add(entry{kind: kindIdemKey}, "key", "keys", "idempotency key", "idempotency keys", "idem key", "키", "멱등 키", "멱등성 키")
	add(entry{kind: kindCurrencyKey}, "currency", "통화")

	// Amounts.
	add(entry{kind: kindAmountKey}, "amount", "amounts", "금액", "액수")
	add(entry{kind: kindBetween}, "between")
	compare := func(op operator, words ...string) { add(entry{kind: kindCompare, op: op}, words...) }
	compare(moreThan, "over", "above", "more than", "greater than", "larger than", "bigger than", "higher than", "exceeding", ">")
	compare(atLeast, "at least", "no less than", "not less than", "min", "minimum", "min amount", "minimum amount", ">=", "≥", "최소", "적어도")
	compare(lessThan, "under", "below", "less than", "smaller than", "lower than", "<")
	compare(atMost, "at most", "no more than", "not more than", "max", "maximum", "max amount", "maximum amount", "up to", "<=", "≤", "최대")
	compare(exactly, "exactly", "equal to", "equals", "=")
	for _, c := range currencies {
		for _, w := range c.words {
			add(entry{kind: kindCurrency, symbol: c.code}, w)
		}
	}

	// Order and limit.
	order := func(o Order, words ...string) { add(entry{kind: kindOrder, order: o}, words...) }
	order(Newest, "newest", "newest first", "latest", "latest first", "recent", "most recent", "most recent first", "recent first", "last",
		"최신", "최신 순", "최근", "최근 순")
	order(Oldest, "oldest", "oldest first", "오래된", "오래된 순")
	order(Largest, "largest", "largest first", "biggest", "biggest first", "highest", "highest first",
		"금액 큰 순", "금액 높은 순", "금액이 큰 순", "금액이 높은 순", "큰 금액 순", "높은 금액 순", "금액 상위")
	order(Smallest, "smallest", "smallest first", "lowest", "lowest first",
		"금액 작은 순", "금액 낮은 순", "금액이 작은 순", "금액이 낮은 순", "작은 금액 순", "낮은 금액 순", "금액 하위")
	for _, by := range []string{"order by", "ordered by", "sort by", "sorted by", "by"} {
		for _, field := range []string{"time", "date", "requested at", "amount"} {
			down, up := Newest, Oldest
			if field == "amount" {
				down, up = Largest, Smallest
			}
			add(entry{kind: kindOpenOrder}, by+" "+field)
			order(down, by+" "+field+" desc", by+" "+field+" descending")
			order(up, by+" "+field+" asc", by+" "+field+" ascending")
		}
	}
	add(entry{kind: kindOpenOrder}, "금액 순", "금액별", "시간 순", "날짜 순")
	add(entry{kind: kindLimitKey}, "limit", "limit to", "first")
	add(entry{kind: kindTop}, "top", "상위")

	// What binds the rest together.
	add(entry{kind: kindNot, tight: true}, "non")
	add(entry{kind: kindNot}, "not", "no", "!=", "≠")
	add(entry{kind: kindExcept}, "except", "except for", "excluding", "exclude", "without", "other than", "but not")
	add(entry{kind: kindNotAfter}, "제외", "제외한", "제외하고", "제외하여", "빼고", "뺀", "말고", "아닌")
	add(entry{kind: kindNotAfter, tight: true}, "하지 않은", "하지 않는", "되지 않은", "되지 않는")
	add(entry{kind: kindAnd}, "and", "but", "&", "그리고", "및", "하고")
	add(entry{kind: kindOr}, "or", "/", "또는", "혹은", "거나", "하거나", "했거나", "되거나", "되었거나", "됐거나")
	return v
}

// currencies that can be said without the word "currency". Only codes that are
// no English words are listed.
var currencies = []struct {
	code  string
	words []string // that may stand alone
	after []string // only after a number
	sign  string   // only before a number
}{
	{"KRW", []string{"KRW", "원화"}, []string{"원", "won"}, "₩"},
	{"USD", []string{"USD", "달러"}, []string{"dollars", "dollar"}, "US$"},
	{"USD", nil, nil, "$"},
	{"EUR", []string{"EUR", "유로화"}, []string{"euros", "euro", "유로", "€"}, "€"},
	{"JPY", []string{"JPY", "엔화"}, []string{"yen", "엔"}, ""},
	{"CNY", []string{"CNY", "위안화"}, []string{"yuan", "위안"}, ""},
	{"GBP", []string{"GBP"}, []string{"pounds"}, "£"},
	{"HKD", []string{"HKD"}, nil, "HK$"},
	{"TWD", []string{"TWD"}, nil, "NT$"},
	{"SGD", []string{"SGD"}, nil, "S$"},
	{"THB", []string{"THB"}, nil, ""},
	{"VND", []string{"VND"}, nil, ""},
	{"PHP", []string{"PHP"}, nil, ""},
	{"IDR", []string{"IDR"}, nil, ""},
	{"MYR", []string{"MYR"}, nil, ""},
	{"INR", []string{"INR"}, nil, ""},
	{"AUD", []string{"AUD"}, nil, "A$"},
	{"NZD", []string{"NZD"}, nil, "NZ$"},
	{"CAD", []string{"CAD"}, nil, "C$"},
	{"CHF", []string{"CHF"}, nil, ""},
}

// compareAfter are the comparisons that follow their amount.
var compareAfter = []entry{
	{words: "or more", op: atLeast}, {words: "and more", op: atLeast}, {words: "or above", op: atLeast}, {words: "and above", op: atLeast},
	{words: "or higher", op: atLeast}, {words: "and up", op: atLeast}, {words: "or greater", op: atLeast}, {words: "+", op: atLeast},
	{words: "or less", op: atMost}, {words: "or below", op: atMost}, {words: "and below", op: atMost}, {words: "or lower", op: atMost},
	{words: "이상", op: atLeast}, {words: "이하", op: atMost},
	{words: "초과", op: moreThan}, {words: "을 초과하는", op: moreThan}, {words: "을 초과한", op: moreThan},
	{words: "이 넘는", op: moreThan}, {words: "을 넘는", op: moreThan}, {words: "넘는", op: moreThan}, {words: "넘은", op: moreThan},
	{words: "보다 큰", op: moreThan}, {words: "보다 많은", op: moreThan}, {words: "보다 높은", op: moreThan},
	{words: "미만", op: lessThan}, {words: "보다 작은", op: lessThan}, {words: "보다 적은", op: lessThan}, {words: "보다 낮은", op: lessThan},
	{words: "짜리", op: exactly},
}

// countNouns follow a number that counts rows.
var countNouns = []string{"payments", "payment", "transactions", "transaction", "results", "result", "rows", "row", "records", "record", "건", "개"}

// statusEndings may follow a Korean status without a space. Those that make an
// adjective of it are told apart, for "실패와 환불" lists what "실패한 환불" narrows.
var statusEndings = []struct {
	word      string
	adjective bool
}{
	{"되었던", true}, {"했던", true}, {"됐던", true}, {"하는", true}, {"되는", true},
	{"한", true}, {"된", true}, {"인", true}, {"함", false}, {"됨", false},
}

// particles may follow anything without a space and change nothing.
var particles = []string{"에서의", "에서", "에게", "으로", "들의", "들을", "들이", "들은", "들", "이고", "이며", "인", "의", "은", "는", "이", "가", "을", "를", "에", "로", "만", "도"}

// gluedAnd and gluedOr join what they follow without a space to what comes.
var (
	gluedAnd = []string{"이랑", "하고", "와", "과", "랑"}
	gluedOr  = []string{"이거나", "거나", "이나"}
)

// lookup finds the longest entry at i in text, of the given kinds or of any.
func lookup(text string, i int, kinds ...kind) (*entry, int) {
	r, _ := utf8.DecodeRuneInString(text[i:])
	for n := range index[unicode.ToLower(r)] {
		e := &index[unicode.ToLower(r)][n]
		if len(kinds) > 0 && !slices.Contains(kinds, e.kind) {
			continue
		}
		if e.exact {
			if strings.HasPrefix(text[i:], e.words) && wordEnds(text, i+len(e.words), e.words) {
				return e, i + len(e.words)
			}
			continue
		}
		if end, ok := matchWords(text, i, e.words); ok {
			return e, end
		}
	}
	return nil, i
}

// matchWords reports where the words end that begin at i. Between two English
// ones stand spaces, underscores or hyphens; Korean ones need none.
func matchWords(text string, i int, words string) (end int, ok bool) {
	at := i
	var before string
	parts := strings.Split(words, " ")
	for n, w := range parts {
		if n > 0 {
			gap := at
			for gap < len(text) && strings.ContainsRune(" \t\n\r_-", rune(text[gap])) {
				gap++
			}
			if gap == at && isLetter(before[len(before)-1]) && isLetter(w[0]) {
				return i, false
			}
			at = gap
		}
		if len(text)-at < len(w) || !strings.EqualFold(text[at:at+len(w)], w) {
			return i, false
		}
		// merchant_id is the two words, merchant_x is not the first of them.
		if last := n == len(parts)-1; !wordEnds(text, at+len(w), w) && (last || text[at+len(w)] != '_') {
			return i, false
		}
		at += len(w)
		before = w
	}
	return at, true
}

// wordEnds reports whether the English word w may end at i: no letter, digit
// or underscore goes on. Korean words and signs may end anywhere.
func wordEnds(text string, i int, w string) bool {
	if last := w[len(w)-1]; !isLetter(last) {
		return true
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	return i == len(text) || r != '_' && !unicode.IsDigit(r) && (!unicode.IsLetter(r) || unicode.Is(unicode.Hangul, r))
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isDigit(b byte) bool  { return '0' <= b && b <= '9' }

// synonyms are words that people say for one that is known.
var synonyms = map[string]string{
	"requested": "capture requested", "declined": "failed", "rejected": "failed", "errored": "failed", "error": "failed",
	"stuck": "pending", "waiting": "pending", "open": "pending", "paid": "successful", "settled": "captured", "voided": "cancelled",
	"store": "merchant", "shop": "merchant", "seller": "merchant", "오류": "실패", "에러": "실패", "보류": "대기",
}

// knownWords are the words that a mistyped one is compared with.
var knownWords = sync.OnceValue(func() []string {
	words := when.Vocabulary()
	for _, e := range vocabulary {
		if e.kind == kindFiller || e.kind == kindPreposition || e.exact && !strings.Contains(e.words, "_") {
			continue
		}
		words = append(words, e.words)
		words = append(words, strings.Fields(e.words)...)
		if e.kind == kindStatus && e.noun && unicode.Is(unicode.Hangul, []rune(e.words)[0]) {
			words = append(words, e.words+"한", e.words+"된")
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
})

var statusWords = sync.OnceValue(func() []string {
	var words []string
	for _, e := range vocabulary {
		if e.kind == kindStatus && (!e.exact || strings.Contains(e.words, "_")) {
			words = append(words, e.words)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
})

// nearest is the known word that w most likely was meant to be, or "".
func nearest(w string, from func() []string) string {
	lower := strings.ToLower(w)
	if s, ok := synonyms[lower]; ok {
		return s
	}
	n := utf8.RuneCountInString(lower)
	limit := 0
	switch {
	case n >= 6:
		limit = 2
	case n >= 3:
		limit = 1
	}
	best := ""
	for _, k := range from() {
		kn := utf8.RuneCountInString(k)
		if kn < 2 || kn-n > limit || n-kn > limit {
			continue
		}
		// The text is at most MaxLength characters, so this is cheap.
		if d := levenshtein.Distance(lower, strings.ToLower(k), nil); d <= limit && d < n-1 {
			best, limit = k, d-1
		}
	}
	return best
}
