package phone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The codes of a [CommandError].
const (
	CodePayload  = "payload"  // it cannot be read
	CodeCommand  = "command"  // none, or unknown
	CodeArgument = "argument" // missing, or not allowed
)

// CommandError tells why a payload is no command.
type CommandError struct {
	Code string // for programs
	Text string // for people: what is wrong, and what is allowed
}

func (e *CommandError) Error() string { return e.Text }

// ParseCommand reads the payload of `set/<name>`, or of `set` with an empty name: then it has to be a
// JSON object that says its command. The payload is the plain argument, a JSON string, number,
// boolean or list, or a JSON object. Unknown members of an object are ignored. The payload, which may be
// many megabytes that are refused, is not copied, and not kept.
//
// The error is a [*CommandError]; the command that comes with it carries Name and Transaction as far
// as they could be read, so that it can be answered.
func ParseCommand(name string, payload []byte) (Command, error) {
	c := Command{Name: name}
	m, err := readMessage(payload)
	if err != nil {
		return c, err
	}
	c.Transaction, err = m.transaction()
	if name == "" {
		c.Name = m.command()
	}
	switch {
	case err != nil:
		return c, err
	case name == "" && m.object == nil:
		return c, &CommandError{CodePayload, "this topic takes a JSON object; publish a plain argument to set/<command>"}
	}
	row, known := commandRows[c.Name]
	if !known {
		return c, unknownCommand(c.Name)
	}
	if c.ExpiresAt, c.Force, err = m.conditions(); err != nil {
		return c, err
	}
	return row.read(c, m)
}

func unknownCommand(name string) error {
	if name == "" {
		return &CommandError{CodeCommand, `no command: send an object such as {"command": "dial", "number": "206"}, or publish to set/<command>`}
	}
	known := make([]string, 0, len(commands))
	for _, row := range commands {
		known = append(known, row.Name)
	}
	return &CommandError{CodeCommand, fmt.Sprintf("there is no command %s; the nearest is %s", quote(name), Nearest(strings.ToLower(name), known))}
}

// message is a payload that has a form, whatever it says.
type message struct {
	object map[string]json.RawMessage // nil when the payload is the argument itself
	bare   json.RawMessage
}

// blanks are what may stand around a payload or an argument, as JSON has it. Those of other scripts and
// the line ends of Unicode are part of it, and no argument holds any.
const blanks = " \t\r\n"

// readMessage sees which form a payload has. Plain text becomes a JSON string; a number stays the
// text that was sent, for it may be a telephone number.
func readMessage(payload []byte) (message, error) {
	payload = bytes.Trim(payload, blanks)
	if len(payload) > longestPayload {
		return message{}, &CommandError{CodePayload, fmt.Sprintf("the payload has %d bytes, expected at most %d", len(payload), longestPayload)}
	}
	if len(payload) == 0 {
		return message{}, &CommandError{CodePayload, "the payload is empty"}
	}
	var m message
	var err error
	switch payload[0] {
	case '{':
		err = json.Unmarshal(payload, &m.object)
	case '[', '"':
		err = json.Unmarshal(payload, &m.bare)
	default:
		m.bare, err = json.Marshal(string(payload))
	}
	if err != nil {
		return message{}, &CommandError{CodePayload, fmt.Sprintf("the payload looks like JSON but is not: %v", err)}
	}
	return m, nil
}

// given tells whether an object has a member that is not null.
func (m message) given(member string) bool {
	raw, ok := m.object[member]
	return ok && string(raw) != "null"
}

// command is the name in the object, empty when it says none.
func (m message) command() string {
	var name string
	if json.Unmarshal(m.object["command"], &name) != nil {
		return ""
	}
	return name
}

const longestTransaction = 64

// longestPayload is many times what the longest list of keys takes.
const longestPayload = 16 << 10

var errTransaction = &CommandError{CodePayload, "transaction has to be a string or number of at most 64 characters"}

// transaction is what to echo, in a form that is surely valid JSON. An empty string is none: equal
// transactions are taken for repeats, and a template without value gives nothing but equal ones.
func (m message) transaction() (json.RawMessage, error) {
	raw := m.object["transaction"]
	if !m.given("transaction") || string(raw) == `""` {
		return nil, nil
	}
	if raw[0] == '"' {
		text, err := readScalar(raw)
		if err != nil || utf8.RuneCountInString(text) > longestTransaction {
			return nil, errTransaction
		}
		return json.Marshal(text)
	}
	if len(raw) > longestTransaction {
		return nil, errTransaction
	}
	// Most readers of JSON take a number into a float, and refuse a whole result for one like 1e999.
	if _, err := strconv.ParseFloat(string(raw), 64); err != nil {
		return nil, errTransaction
	}
	return raw, nil
}

// conditions are the members that say when a command may run.
func (m message) conditions() (expires time.Time, force bool, err error) {
	if m.given("expires_at") {
		var text string
		if err = json.Unmarshal(m.object["expires_at"], &text); err == nil {
			expires, err = time.Parse(time.RFC3339, text)
		}
		if err != nil {
			return time.Time{}, false, &CommandError{CodePayload, "expires_at has to be a time as in RFC 3339, such as 2026-11-23T09:00:00Z"}
		}
	}
	if m.given("force") && json.Unmarshal(m.object["force"], &force) != nil {
		return time.Time{}, false, &CommandError{CodePayload, "force has to be true or false"}
	}
	return expires, force, nil
}

// argument is the words of a command's argument, none when it was not given.
func (m message) argument(member string) (words []string, list bool, err error) {
	raw := m.bare
	if m.object != nil {
		raw = m.object[member]
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, false, nil
	}
	if raw[0] != '[' {
		word, err := readScalar(raw)
		return []string{strings.Trim(word, blanks)}, false, err
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, true, err
	}
	for _, element := range elements {
		word, err := readScalar(element)
		if err != nil {
			return nil, true, err
		}
		words = append(words, word)
	}
	return words, true, nil
}

// readScalar is a JSON string's text, or the digits of a number or the word as they were written: a
// float would lose digits of a telephone number.
func readScalar(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	case '{', '[':
		return "", errors.New("neither text nor a number")
	}
	return string(raw), nil
}

// quote shows a word of the sender in a message, cut to a readable length.
func quote(word string) string {
	const readable = 40
	if len(word) > readable {
		word = word[:readable] + "..."
	}
	return strconv.Quote(word)
}
