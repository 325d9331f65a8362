package phone

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const mostDigits = 32

var (
	// trunkZero is the zero in +49 (0)30: dialled only from inside the country.
	trunkZero = regexp.MustCompile(`^([ \-./()]*(?:\+|00)[ \-./()]*[1-9][0-9]{0,2}[ \-./()]*)\(0\)`)
	// fourParts is an IP address to a phone.
	fourParts = regexp.MustCompile(`^[0-9]+(?:\.[0-9]+){3}$`)
	// fraction is what a float makes of a number: 206.0 would ring at 2060.
	fraction = regexp.MustCompile(`^[0-9]+\.0+$`)
	// negative is a result that is none, such as -1, and not what people type: the minus would be
	// dropped as a separator, and 1 would ring.
	negative = regexp.MustCompile(`^-[0-9]+(?:\.[0-9]+)?$`)
)

// readNumber takes out of a number what people type between digits. Nothing but digits, `*`, `#` and
// `+` is left, so that no number can carry a parameter into the request.
func readNumber(typed string) (string, error) {
	switch bare := strings.ReplaceAll(typed, " ", ""); {
	case fourParts.MatchString(bare):
		return "", errors.New("four numbers joined by dots are an IP address, which is not dialled")
	case fraction.MatchString(bare):
		return "", errors.New("a number with a decimal point; send it without")
	case negative.MatchString(typed):
		return "", errors.New("a number with a minus sign; send it without")
	}
	number := dropVisualSeparators(trunkZero.ReplaceAllString(typed, "$1"))
	if i := strings.IndexFunc(number, notDialable); i >= 0 {
		first, _ := utf8.DecodeRuneInString(number[i:])
		return "", fmt.Errorf("%s cannot be dialled", strconv.QuoteRune(first))
	}
	switch {
	case strings.Trim(number, "+") == "":
		return "", errors.New("there is no digit in it")
	case len(number) > mostDigits:
		return "", fmt.Errorf("it has %d characters, the most is %d", len(number), mostDigits)
	}
	return number, nil
}

func notDialable(r rune) bool { return !strings.ContainsRune("0123456789*#+", r) }
