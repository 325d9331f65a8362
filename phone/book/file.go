package book

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// ParseFile reads a phones file: YAML with a list `phones:`, whose entries have a `mac` and what
// [Listing] names beside it. An empty file lists no phone. The name is that of the file; password and
// authority files are named relative to it and read by read, each once.
//
// The error is one line, `FILE:LINE: what was wrong, what is expected`, and never holds a value from
// the file, which may be a password at the wrong place.
func ParseFile(name string, text []byte, read func(path string) ([]byte, error)) ([]Listing, error) {
	f := &file{name: name, read: read, contents: make(map[string]content)}
	root, err := f.document(text)
	if err != nil || root == nil {
		return nil, err
	}
	entries, err := f.entries(root)
	if err != nil {
		return nil, err
	}
	listings := make([]Listing, 0, len(entries))
	first := make(map[string]int) // line of each MAC, and of each host
	for _, node := range entries {
		e, err := f.entry(node)
		if err != nil {
			return nil, err
		}
		if line := first[string(e.MAC)]; line != 0 {
			return nil, f.wrong(e.lines["mac"], "mac: %s stands in line %d already, expected every phone once", e.MAC, line)
		}
		if line := first[bare(e.Host)]; line != 0 {
			return nil, f.wrong(e.lines["host"], "host: the one of line %d, expected every host once", line)
		}
		first[string(e.MAC)] = e.lines["mac"]
		if e.Host != "" {
			first[bare(e.Host)] = e.lines["host"]
		}
		listings = append(listings, e.Listing)
	}
	return listings, nil
}

// file is a phones file while it is read.
type file struct {
	name     string
	read     func(path string) ([]byte, error)
	contents map[string]content // of the files that it names: thousands of phones may share one
}

type content struct {
	text string
	err  error
}

func (f *file) wrong(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", f.name, line, fmt.Errorf(format, args...))
}

// entries are the members of the list `phones:`.
func (f *file) entries(root *yaml.Node) ([]*yaml.Node, error) {
	if root.Kind != yaml.MappingNode {
		return nil, f.wrong(root.Line, "no phones: at the top, expected phones: and below it a list with a - before each phone")
	}
	var list *yaml.Node
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], resolved(root.Content[i+1])
		switch {
		case key.Value != "phones":
			return nil, f.wrong(key.Line, "%s, expected phones: and below it a list with a - before each phone", named(key, value))
		case list != nil:
			return nil, f.wrong(key.Line, "phones: stands in line %d already, expected one list", list.Line)
		case value.Kind != yaml.SequenceNode && !isNull(value):
			return nil, f.wrong(value.Line, "phones: is no list, expected a - before each phone")
		}
		list = value
	}
	if list == nil {
		return nil, nil
	}
	return list.Content, nil
}

// entry is one phone of the file.
type entry struct {
	Listing
	lines map[string]int // of its keys
	file  *file
}

// entry reads one phone.
func (f *file) entry(node *yaml.Node) (entry, error) {
	e := entry{Listing: Listing{Source: f.name}, lines: make(map[string]int), file: f}
	at := node.Line
	if node = resolved(node); node.Kind != yaml.MappingNode {
		return e, f.wrong(at, "no phone, expected mac: and a MAC address after the -")
	}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], resolved(node.Content[i+1])
		field := slices.IndexFunc(fields, func(known field) bool { return known.key == key.Value })
		if field < 0 {
			return e, f.wrong(key.Line, "%s", unknownKey(key, value))
		}
		if line := e.lines[key.Value]; line != 0 {
			return e, f.wrong(key.Line, "%s: stands in line %d already, expected it once for each phone", key.Value, line)
		}
		e.lines[key.Value] = key.Line
		if err := e.set(fields[field], value); err != nil {
			return e, f.wrong(key.Line, "%s: %w", key.Value, err)
		}
	}
	if e.MAC == "" {
		return e, f.wrong(at, "a phone without mac, expected its MAC address")
	}
	return e, e.check()
}

// set takes the text of one key, as it is written: YAML reads some MAC addresses as numbers, and some
// passwords as switches. A key without a value is as good as left out, but for a password: one that
// begins with # is none to YAML, and the phone would be sent another.
func (e *entry) set(f field, value *yaml.Node) error {
	switch {
	case value.Kind != yaml.ScalarNode:
		return errors.New("no text, expected one in quotes if it begins with a bracket")
	case value.Style&yaml.TaggedStyle != 0:
		return errors.New("a tag such as !secret means nothing here, expected the text itself, in quotes if it begins with that sign")
	case (isNull(value) || value.Value == "") && f.key == "password":
		return errors.New("empty, expected the password, in quotes if it begins with # or another sign")
	case isNull(value) || value.Value == "":
		return nil
	}
	return f.set(e, value.Value)
}

// check finds what no key shows by itself.
func (e *entry) check() error {
	encrypted := strings.HasPrefix(e.Host, "https://")
	for _, c := range []struct {
		key   string
		wrong bool
		why   string
	}{
		{"password_file", e.lines["password"] != 0, "beside password, expected one of them"},
		{"ca_file", !encrypted && e.Authorities != "", "nothing is encrypted, expected host to be https://…"},
		{"insecure", !encrypted && e.Insecure, "nothing is encrypted, expected host to be https://…"},
		{"insecure", e.Insecure && e.Authorities != "", "nothing would be verified with ca_file, expected one of them"},
		{"strict", e.Strict && e.Host == "", "no host, expected one that its events come from"},
		{"strict", e.Strict && !e.Addr().IsValid(), "the host is a name, expected an IP address: that is what an event comes from"},
	} {
		if line := e.lines[c.key]; line != 0 && c.wrong {
			return e.file.wrong(line, "%s: %s", c.key, c.why)
		}
	}
	return nil
}

// field is one key of a phone.
type field struct {
	key string
	set func(e *entry, text string) error
}

// fields are all keys that a phone may have.
var fields = []field{
	{"mac", func(e *entry, text string) (err error) {
		e.MAC, err = phone.ParseMAC(text)
		return err
	}},
	{"host", func(e *entry, text string) (err error) {
		if e.Host, err = ParseHost(text); err != nil {
			return fmt.Errorf("no address of a phone, %w", err)
		}
		return nil
	}},
	{"name", func(e *entry, text string) (err error) {
		e.Name, err = label(text)
		return err
	}},
	{"area", func(e *entry, text string) (err error) {
		e.Area, err = label(text)
		return err
	}},
	{"username", func(e *entry, text string) error {
		// RFC 7617: the first colon ends the name, so the phone would see another password.
		if strings.Contains(text, ":") {
			return errors.New("holds a colon, expected none in a login name on HTTP")
		}
		e.Login.Username = text
		return nil
	}},
	{"password", func(e *entry, text string) error {
		e.Login.Password = secret.New(text)
		return nil
	}},
	{"password_file", func(e *entry, text string) error {
		password, err := e.file.contentOf(text)
		if err != nil {
			return fmt.Errorf("expected a file that holds the password and nothing else: %w", err)
		}
		// Editors and echo end a line; no password is meant to end with one.
		e.Login.Password = secret.New(strings.TrimSuffix(strings.TrimSuffix(password, "\n"), "\r"))
		if e.Login.Password == (secret.Text{}) {
			return errors.New("an empty file, expected the password in it")
		}
		return nil
	}},
	{"charset", func(e *entry, text string) (err error) {
		if e.Charset, err = phone.ParseCharset(text); err != nil {
			return errors.New("unknown, expected gbk, utf-8, windows-1252, iso-8859-1 or another IANA name of a charset that extends ASCII")
		}
		return nil
	}},
	{"ca_file", func(e *entry, text string) (err error) {
		if e.Authorities, err = e.file.contentOf(text); err != nil {
			return fmt.Errorf("expected certificates in a PEM file: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM([]byte(e.Authorities)) {
			return errors.New("holds no certificate, expected some in a PEM file")
		}
		return nil
	}},
	{"insecure", func(e *entry, text string) error { return parseSwitch(&e.Insecure, text) }},
	{"strict", func(e *entry, text string) error { return parseSwitch(&e.Strict, text) }},
	{"ring", func(e *entry, text string) error { return parseSwitch(&e.Ring, text) }},
}

func label(text string) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > LongestName {
		return "", fmt.Errorf("%d characters, expected at most %d", n, LongestName)
	}
	return text, nil
}

func parseSwitch(to *bool, text string) error {
	*to = text == "true"
	if !*to && text != "false" {
		return errors.New("neither true nor false, expected one of them")
	}
	return nil
}

// contentOf is the text of a file that the phones file names.
func (f *file) contentOf(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(f.name), path)
	}
	c, known := f.contents[path]
	if !known {
		text, err := f.read(path)
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err // without the path: people write a password there
		}
		c = content{string(bytes.Clone(text)), err}
		f.contents[path] = c
	}
	return c.text, c.err
}

// printable is a key that can be nothing but a misspelt one.
var printable = regexp.MustCompile(`^[A-Za-z_-]{1,30}$`)

// named tells which key stands there, if that is safe: `{password: a,b}` has the end of a password for
// a key without a value.
func named(key, value *yaml.Node) string {
	if isNull(value) || !printable.MatchString(key.Value) {
		return "a word that is no key (is there a comma or colon in a text without quotes?)"
	}
	return key.Value + ": no such key"
}

func unknownKey(key, value *yaml.Node) string {
	known := make([]string, 0, len(fields))
	for _, f := range fields {
		known = append(known, f.key)
	}
	if said := named(key, value); strings.HasSuffix(said, "no such key") {
		return said + ", did you mean " + phone.Nearest(strings.ToLower(key.Value), known) + "?"
	}
	return named(key, value) + ", expected one of " + strings.Join(known, ", ")
}
