package hatest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// aString is a text that says something.
func aString(v any) string {
	switch v := v.(type) {
	case string:
		if v == "" {
			return isEmpty
		}
		return ""
	case float64, bool:
		return isNumber
	}
	return "not a string"
}

func aBool(v any) string {
	if _, ok := v.(bool); !ok {
		return "neither true nor false"
	}
	return ""
}

func natural(v any) string {
	if n, ok := v.(float64); !ok || n < 0 || n != float64(int(n)) {
		return "not a whole number from 0 on"
	}
	return ""
}

func qos(v any) string {
	if n, ok := v.(float64); !ok || n != 0 && n != 1 && n != 2 {
		return "not a quality of service: 0, 1 or 2"
	}
	return ""
}

func oneOf(words ...string) rule {
	return func(v any) string {
		if s, ok := v.(string); !ok || !slices.Contains(words, s) {
			return "not one of " + strings.Join(words, ", ")
		}
		return ""
	}
}

// listOf is a list of strings, or one alone.
func listOf(v any) string {
	if _, ok := v.(string); ok {
		return aString(v)
	}
	list, ok := v.([]any)
	if !ok {
		return "not a list of strings"
	}
	for _, element := range list {
		if wrong := aString(element); wrong != "" {
			return "an element is " + wrong
		}
	}
	return ""
}

// heard is a topic to listen to (MQTT 3.1.1, clause 4.7), with Home Assistant's ban on control characters.
// It may have a wildcard, but nothing of one device needs one.
func heard(v any) string {
	s, ok := v.(string)
	switch {
	case !ok || s == "":
		return "not a topic"
	case len(s) > 65535:
		return "a topic longer than 65535 bytes"
	case strings.ContainsFunc(s, unfit):
		return "a topic with a control character"
	case strings.ContainsAny(s, "+#"):
		return hasWildcard
	}
	return ""
}

// told is a topic to publish to.
func told(v any) string {
	if wrong := heard(v); wrong != hasWildcard {
		return wrong
	}
	return "a topic to publish to with a wildcard"
}

func unfit(r rune) bool {
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

func webAddress(v any) string {
	s, ok := v.(string)
	if !ok {
		return "not a URL"
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "not an http or https URL"
	}
	return ""
}

var iconName = regexp.MustCompile(`^[a-z0-9_-]+:[a-z0-9_-]+$`)

func icon(v any) string {
	if s, ok := v.(string); !ok || !iconName.MatchString(s) {
		return "not an icon with its prefix, such as mdi:phone"
	}
	return ""
}

// pattern is judged by Python; what is written for it and also compiles here is surely one.
func pattern(v any) string {
	s, ok := v.(string)
	if !ok || s == "" {
		return "not a regular expression"
	}
	if _, err := regexp.Compile(s); err != nil {
		return "not a regular expression"
	}
	return ""
}

// jinja sees that what a template opens is closed again.
func jinja(v any) string {
	s, ok := v.(string)
	if !ok || s == "" {
		return "not a template"
	}
	for {
		open := strings.IndexAny(s, "{")
		if open < 0 || open+1 >= len(s) {
			break
		}
		end, isTag := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[s[open+1]]
		if !isTag {
			s = s[open+1:]
			continue
		}
		rest, wrong := tag(s[open+2:], end)
		if wrong != "" {
			return wrong
		}
		s = rest
	}
	if strings.Contains(s, "}}") || strings.Contains(s, "%}") {
		return "a template that closes what it did not open"
	}
	return ""
}

// tag reads one tag of a template to its end and returns what follows.
func tag(s, end string) (rest, wrong string) {
	if end == "#}" {
		_, rest, ok := strings.Cut(s, end)
		if !ok {
			return "", "a template with an open comment"
		}
		return rest, ""
	}
	closing := map[rune]rune{'(': ')', '[': ']', '{': '}'}
	var expected []rune
	quoted := rune(0)
	for i, r := range s {
		switch {
		case quoted != 0:
			if r == quoted {
				quoted = 0
			}
		case r == '\'' || r == '"':
			quoted = r
		case len(expected) == 0 && strings.HasPrefix(s[i:], end):
			return s[i+len(end):], ""
		case closing[r] != 0:
			expected = append(expected, closing[r])
		case r == ')' || r == ']' || r == '}':
			if len(expected) == 0 || expected[len(expected)-1] != r {
				return "", fmt.Sprintf("a template with an odd %q", r)
			}
			expected = expected[:len(expected)-1]
		}
	}
	return "", "a template that does not close " + end
}
