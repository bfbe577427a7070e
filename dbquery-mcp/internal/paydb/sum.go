package paydb

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// decimal is how a database writes an exact number.
var decimal = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,30})?$`)

// Sum adds amounts exactly, however many digits they have. The zero Sum is 0.
type Sum struct {
	unscaled big.Int
	scale    int // digits behind the point
}

// Add adds an amount as a database writes it: 10000, 99.50.
func (s *Sum) Add(amount string) error {
	if !decimal.MatchString(amount) {
		return fmt.Errorf("%q is no amount", amount)
	}
	whole, fraction, _ := strings.Cut(amount, ".")
	var v big.Int
	v.SetString(whole+fraction, 10)
	if d := len(fraction) - s.scale; d > 0 {
		s.unscaled.Mul(&s.unscaled, pow10(d))
		s.scale = len(fraction)
	} else {
		v.Mul(&v, pow10(-d))
	}
	s.unscaled.Add(&s.unscaled, &v)
	return nil
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// String writes the sum in decimal digits.
func (s *Sum) String() string {
	digits := new(big.Int).Abs(&s.unscaled).String()
	if pad := s.scale + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	out := digits[:len(digits)-s.scale]
	if s.scale > 0 {
		out += "." + digits[len(digits)-s.scale:]
	}
	if s.unscaled.Sign() < 0 {
		return "-" + out
	}
	return out
}

// compareAmounts orders two amounts; what is no amount is the least.
func compareAmounts(a, b string) int {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	switch {
	case okX && okY:
		return x.Cmp(y)
	case okX:
		return 1
	case okY:
		return -1
	}
	return 0
}
