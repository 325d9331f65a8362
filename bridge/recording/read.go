package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// longestLine is the most that a line of a recording may have, in bytes. A head has the state of its
// phone, which is bounded too.
const longestLine = 1 << 20

var (
	errLong   = fmt.Errorf("longer than %d bytes", longestLine)
	errNoHead = errors.New("a request before the first head, of which the phone is not known")
	errNewer  = errors.New("a recording of a newer version of this program")
	errForm   = errors.New("not a line of a recording")
)

// Line is one line of a recording, understood.
type Line struct {
	At  time.Duration // since the begin of the set
	MAC phone.MAC     // empty: no phone could be found
	is  any           // a *start or a *taken
}

// start is a head.
type start struct {
	defaultEvent phone.EventType
	limits       phone.Limits
	state        *phone.State // nil: as it is
}

// taken is a request.
type taken struct {
	entry
	words []string
	vars  phone.Variables
}

// Read reads one file. A line that cannot be read is left out, and damaged is called with its number,
// from 1, and what is wrong with it. The error is the reader's.
func Read(from io.Reader, damaged func(line int, err error)) ([]Line, error) {
	var lines []Line
	var mac phone.MAC
	headed := false
	buffered := bufio.NewReader(from)
	for number := 1; ; number++ {
		text, err := readLine(buffered)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil && !errors.Is(err, errLong) {
			return lines, err
		}
		var line Line
		if err == nil {
			if text = bytes.TrimSpace(text); len(text) == 0 {
				continue
			}
			line, err = parse(text)
		}
		if _, is := line.is.(*start); is && err == nil {
			mac, headed = line.MAC, true
		} else if err == nil && !headed {
			err = errNoHead
		}
		if err != nil {
			damaged(number, err)
			continue
		}
		line.MAC = mac
		if n := len(lines); n > 0 {
			// A process that began with a wrong clock. The order in the file is the right one.
			line.At = max(line.At, lines[n-1].At)
		}
		lines = append(lines, line)
	}
}

// readLine reads up to a line feed or the end. Of a line that is too long it gives [errLong], after all
// of it was read; io.EOF means that nothing was left.
func readLine(from *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := from.ReadSlice('\n')
		long = long || len(line)+len(part) > longestLine
		if !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case long:
			return nil, errLong
		case err != nil && len(line) == 0:
			return nil, io.EOF
		default:
			return line, nil
		}
	}
}

// parse reads a line that is not empty.
func parse(text []byte) (Line, error) {
	var form struct {
		Recording *int `json:"recording"`
	}
	if json.Unmarshal(text, &form) != nil {
		return Line{}, errForm
	}
	if form.Recording != nil {
		return parseHead(text, *form.Recording)
	}
	var t taken
	if json.Unmarshal(text, &t.entry) != nil {
		return Line{}, errForm
	}
	line := Line{At: time.Duration(t.At), is: &t}
	if len(t.Request) == 0 {
		if !t.Full {
			return Line{}, errForm
		}
		return line, nil
	}
	if t.Charset != "" {
		charset, err := phone.ParseCharset(string(t.Charset))
		if err != nil {
			return Line{}, err
		}
		t.Charset = charset
	}
	path, query, err := splitLine(string(t.Request))
	if err != nil {
		return Line{}, err
	}
	t.words, t.vars = phone.SplitWords(path), phone.SplitVariables(query)
	return line, nil
}

func parseHead(text []byte, version int) (Line, error) {
	if version > formVersion {
		return Line{}, errNewer
	}
	var h head
	if json.Unmarshal(text, &h) != nil {
		return Line{}, errForm
	}
	s := &start{
		defaultEvent: h.DefaultEvent,
		limits:       phone.Limits{Ring: time.Duration(h.Ring), Talk: time.Duration(h.Talk), Repeat: time.Duration(h.Repeat)},
	}
	if h.MAC != "" {
		mac, err := phone.ParseMAC(string(h.MAC))
		if err != nil {
			return Line{}, err
		}
		h.MAC = mac
	}
	if h.State != nil {
		s.state = new(phone.State)
		if json.Unmarshal(h.State, s.state) != nil || len(s.state.Calls) > phone.MostCalls {
			return Line{}, fmt.Errorf("its state: %w", errForm)
		}
	}
	return Line{At: time.Duration(h.At), MAC: h.MAC, is: s}, nil
}
