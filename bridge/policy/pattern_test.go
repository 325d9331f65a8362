package policy

import (
	"regexp"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern       string
		takes, leaves string // numbers, with blanks between
	}{
		{"112", "112", "11 1122 0112 112# +112"},
		{"112!", "112 1125 112#", "11 0112"},
		{"00!", "00 0049301234 00#", "0 0491 +49"},
		{"00.", "001 00#", "00 0"},
		{"!", "1 * # +49 0049", ""},
		{".", "1 *# +49", ""},
		{"X", "0 5 9", "* # + 10"},
		{"Z", "1 9", "0 * 10"},
		{"N", "2 9", "0 1 # 20"},
		{"xzn", "012 999", "002 011 12"},
		{"2XX", "200 299", "20 2000 100 2*0"},
		{"[1-5]X", "10 59", "00 60 1"},
		{"[135-7*#+]", "1 3 5 6 7 * # +", "0 2 4 8 9"},
		{"[5-5]", "5", "4 6"},
		{"*X.", "*43 *1#", "*4 43 ** *#1"},
		{"+[1-9]!", "+4 +4930", "+ +0 49"},
		{"1NXXNXXXXXX", "12125551234", "11125551234 2125551234 121255512345"},
		{"0[1-9]!", "01 0301234 01#", "0 00 0049"},
	} {
		pattern, err := ParsePattern(test.pattern)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, number := range strings.Fields(test.takes) {
			if !pattern.Matches(number) {
				t.Errorf("%s does not match %s", pattern, number)
			}
		}
		for _, number := range append(strings.Fields(test.leaves), "") {
			if number != "" && pattern.Matches(number) {
				t.Errorf("%s matches %s", pattern, number)
			}
		}
	}
}

func TestPatternRefuses(t *testing.T) {
	for _, test := range []struct{ pattern, want string }{
		{"", "nothing stands there"},
		{"_00X.", "the underscore is left out here"},
		{"0 0", `" " has no meaning`},
		{"0-0", `"-" has no meaning`},
		{"^00", `"^" has no meaning`},
		{"00*?", `"?" has no meaning`},
		{"０", `"０" has no meaning`},
		{"0.1", "something stands after ."},
		{"!!", "something stands after !"},
		{"0[", "a bracket is not closed"},
		{"0[1-5", "a bracket is not closed"},
		{"0]", `"]" has no meaning`},
		{"[]", "nothing stands between brackets"},
		{"[5-1]", `"5-1" between brackets is no range`},
		{"[5-]", `"5-" between brackets is no range`},
		{"[-5]", `"-" between brackets has no meaning`},
		{"[*-#]", `"*-#" between brackets is no range`},
		{"[1-X]", `"1-X" between brackets is no range`},
		{"[X]", `"X" between brackets has no meaning`},
		{"[^1]", `"^" between brackets has no meaning`},
		{"[[1]", `"[" between brackets has no meaning`},
	} {
		pattern, err := ParsePattern(test.pattern)
		if err == nil || pattern != "" || !strings.Contains(err.Error(), " is no pattern: "+test.want+", expected digits") {
			t.Errorf("%q: got %q, %v, want the error %s", test.pattern, pattern, err, test.want)
		}
	}
}

// oracle is the same pattern as a regular expression, made in another way.
func oracle(pattern string) *regexp.Regexp {
	inBrackets := false
	expression := regexp.MustCompile(`[][xXzZnN.!*+#]`).ReplaceAllStringFunc(pattern, func(c string) string {
		switch {
		case c == "[" || c == "]":
			inBrackets = c == "["
			return c
		case inBrackets:
			return regexp.QuoteMeta(c)
		}
		switch strings.ToUpper(c) {
		case "X":
			return "[0-9]"
		case "Z":
			return "[1-9]"
		case "N":
			return "[2-9]"
		case ".":
			return ".+"
		case "!":
			return ".*"
		}
		return regexp.QuoteMeta(c)
	})
	return regexp.MustCompile(`\A(?s:` + expression + `)\z`)
}

// FuzzPattern holds the matcher to an oracle, and the parser to what may stand in a configuration.
func FuzzPattern(f *testing.F) {
	for _, seed := range []struct{ pattern, number string }{
		{"00!", "0049"},
		{"0[1-9].", "030"},
		{"[135-7*#+]XZN", "+012"},
		{"_1", "1"},
		{"[5-1]", "3"},
		{"[", ""},
		{"[1-", "1"},
		{"x.!", "1"},
		{"*#+", "*#+"},
		{".", "\xff\n"},
		{"!", ""},
	} {
		f.Add(seed.pattern, seed.number)
	}
	f.Fuzz(func(t *testing.T, text, number string) {
		pattern, err := ParsePattern(text)
		if err != nil {
			if pattern != "" || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("%q: %q, %q", text, pattern, err)
			}
			return
		}
		if strings.Trim(text, "0123456789*#+XZNxzn[]-.!") != "" {
			t.Fatalf("%q is taken for a pattern", text)
		}
		if got, want := pattern.Matches(number), oracle(text).MatchString(number); got != want {
			t.Fatalf("%q matches %q: %t, want %t", text, number, got, want)
		}
	})
}
