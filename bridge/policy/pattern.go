package policy

import (
	"errors"
	"fmt"
	"strings"
)

// Pattern is a form of telephone numbers as Asterisk's dial plan writes it, without the underscore
// before it. The characters of a number stand for themselves; X is one digit, Z one from 1 to 9, N one
// from 2 to 9, [1-5*] one of these; at the end `.` is one character or more and `!` any number of
// them. Make one with [ParsePattern].
type Pattern string

const (
	digits = "0123456789"

	// dialable are the characters of which a number may consist.
	dialable = digits + "*#+"
)

// ParsePattern checks a pattern. The error tells what is wrong and what is expected.
func ParsePattern(text string) (Pattern, error) {
	err := errors.New("nothing stands there")
	if text != "" {
		err = check(text)
	}
	if err != nil {
		return "", fmt.Errorf("%.40q is no pattern: %w, expected digits, * # +, X (0-9), Z (1-9), N (2-9), [1-5], and at the end . (one or more) or ! (any)", text, err)
	}
	return Pattern(text), nil
}

func check(text string) error {
	if text[0] == '_' {
		return errors.New("the underscore is left out here")
	}
	for text != "" && text != "." && text != "!" {
		_, rest, err := place(text)
		if err != nil {
			return err
		}
		text = rest
	}
	return nil
}

// Matches tells whether the whole number has this form.
func (p Pattern) Matches(number string) bool {
	for rest := string(p); rest != ""; {
		switch rest {
		case ".":
			return number != ""
		case "!":
			return true
		}
		takes, after, err := place(rest)
		if err != nil || number == "" || strings.IndexByte(takes, number[0]) < 0 {
			return false
		}
		number, rest = number[1:], after
	}
	return p != "" && number == ""
}

// place is the characters that the first place of a pattern takes, and the pattern after it.
func place(pattern string) (takes, rest string, err error) {
	first, rest := pattern[0], pattern[1:]
	switch first {
	case 'X', 'x':
		return digits, rest, nil
	case 'Z', 'z':
		return digits[1:], rest, nil
	case 'N', 'n':
		return digits[2:], rest, nil
	case '[':
		return class(rest)
	case '.', '!':
		return "", "", fmt.Errorf("something stands after %c", first)
	}
	if strings.IndexByte(dialable, first) < 0 {
		return "", "", fmt.Errorf("%.1q has no meaning", pattern)
	}
	return pattern[:1], rest, nil
}

// class is the characters between brackets, of which the first is already gone.
func class(pattern string) (takes, rest string, err error) {
	inside, rest, closed := strings.Cut(pattern, "]")
	switch {
	case !closed:
		return "", "", errors.New("a bracket is not closed")
	case inside == "":
		return "", "", errors.New("nothing stands between brackets")
	}
	for inside != "" {
		one, width, err := member(inside)
		if err != nil {
			return "", "", err
		}
		takes, inside = takes+one, inside[width:]
	}
	return takes, rest, nil
}

// member is what the first character or range between brackets takes, and its width.
func member(inside string) (takes string, width int, err error) {
	if len(inside) < 2 || inside[1] != '-' {
		if strings.IndexByte(dialable, inside[0]) < 0 {
			return "", 0, fmt.Errorf("%.1q between brackets has no meaning", inside)
		}
		return inside[:1], 1, nil
	}
	from, to := strings.IndexByte(digits, inside[0]), -1
	if len(inside) > 2 {
		to = strings.IndexByte(digits, inside[2])
	}
	if from < 0 || to < from {
		return "", 0, fmt.Errorf("%.3q between brackets is no range", inside)
	}
	return digits[from : to+1], 3, nil
}
