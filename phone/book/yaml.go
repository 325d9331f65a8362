package book

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document is the one document of a file, nil when nothing stands in it.
func (f *file) document(text []byte) (*yaml.Node, error) {
	if at := firstInvalid(text); at >= 0 {
		return nil, f.wrong(1+bytes.Count(text[:at], []byte("\n")), "not UTF-8, expected a file that was saved as UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, f.syntax(text, err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, f.wrong(second.Line, "a second document after ---, expected one list of phones")
	case !errors.Is(err, io.EOF):
		return nil, f.syntax(text, err)
	}
	if isNull(root.Content[0]) {
		return nil, nil
	}
	return resolved(root.Content[0]), nil
}

// firstInvalid is where a text stops to be UTF-8, -1 when it does not.
func firstInvalid(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// resolved is the node that a reference (`*name`) stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// advice is what people can do about the library's complaints, the first that fits.
var advice = []struct{ complaint, text string }{
	{"unknown anchor", "a * refers to another place in YAML and there is no such place, expected a text that begins with * in quotes"},
	{"tab character", "a tab, expected blanks: YAML has no tabs at the begin of a line"},
	{"cannot start any token", "a character that no text of YAML begins with, expected the text in quotes"},
	{"mapping values are not allowed", "a colon too many, expected key: value with a blank after the colon, the keys of one phone below each other, and a text that holds a colon in quotes"},
	{"did not find expected '-' indicator", "indented unlike the lines above, expected the keys of one phone below each other and a - before each phone"},
	{"did not find expected key", "no key or indented unlike the lines above, expected the keys of one phone below each other"},
	{"could not find expected ':'", "no key, expected key: value"},
	{"unexpected end of stream", "a quote that is not closed, expected a second one"},
	{"did not find expected", "a bracket or quote that is not closed, expected its end, and a text that begins with one in quotes"},
	{"escape character", "a backslash in double quotes, expected single quotes around the text"},
	{"control characters", "a character that cannot be printed, expected text"},
}

var (
	complained = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)
	indentTab  = regexp.MustCompile(`^ *\t`)
)

// syntax puts the library's complaint into our words. Its own may hold a password: `password: *x` is a
// reference, and it names the x.
func (f *file) syntax(text []byte, err error) error {
	parts := complained.FindStringSubmatch(err.Error())
	if parts == nil {
		return f.wrong(1, "not YAML, expected phones: and below it a list")
	}
	complaint := parts[2]
	line, _ := strconv.Atoi(parts[1])
	// The parser's own complaints tell where the block begins that it could not finish, and some tell
	// nothing.
	if line == 0 || strings.HasPrefix(complaint, "did not find expected") {
		line = firstFailing(text, complaint)
	}
	lines := bytes.Split(text, []byte("\n"))
	line = min(max(line, 1), len(lines))
	if indentTab.Match(lines[line-1]) {
		complaint = "tab character"
	}
	for _, a := range advice {
		if strings.Contains(complaint, a.complaint) {
			return f.wrong(line, "%s", a.text)
		}
	}
	return f.wrong(line, "not YAML, expected phones: and below it a list")
}

// firstFailing is the line at which the complaint first comes up: that up to which the text has to be
// read. What is cut off in the middle of a bracket gives other complaints.
func firstFailing(text []byte, complaint string) int {
	ends := []int{0}
	for at, c := range text {
		if c == '\n' {
			ends = append(ends, at+1)
		}
	}
	ends = append(ends, len(text))
	return sort.Search(len(ends)-1, func(line int) bool {
		var node yaml.Node
		err := yaml.Unmarshal(text[:ends[line]], &node)
		return err != nil && strings.HasSuffix(err.Error(), complaint)
	})
}
