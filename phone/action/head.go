package action

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// The limits of a request, in bytes; and in lines, for each takes far more memory than it has bytes: over
// so many folded ones, together with the headers that decide something here, are refused; of others no
// more are kept.
const (
	maxRequestLine = 8 << 10
	maxHeaders     = 16 << 10
	maxHeaderLines = 100
	maxBody        = 4 << 10
	maxBlankLines  = 8
)

// RequestError tells why a request could not be read.
type RequestError struct {
	Status int    // the HTTP status that answers it: 400, 413, 414 or 431
	Reason string // for a person, one line, nothing of the request in it
}

func (e *RequestError) Error() string { return e.Reason }

var (
	errRequestLine = &RequestError{http.StatusRequestURITooLong, "request line over 8 KiB"}
	errHeaders     = &RequestError{http.StatusRequestHeaderFieldsTooLarge, "headers over 16 KiB"}
	errHeaderLines = &RequestError{http.StatusRequestHeaderFieldsTooLarge, "over 100 header lines of a kind"}
	errBody        = &RequestError{http.StatusRequestEntityTooLarge, "body over 4 KiB"}
	errCutShort    = &RequestError{http.StatusBadRequest, "request cut short"}
	errNoRequest   = &RequestError{http.StatusBadRequest, "not an HTTP request"}
	errVersion     = &RequestError{http.StatusBadRequest, "not HTTP/1.0 or HTTP/1.1"}
)

// reader reads heads, and lends its memory to each until the next: one is needed for a moment of each
// of very many short connections.
type reader struct {
	*bufio.Reader
	text   []byte
	fields []field
}

func newReader() *reader { return &reader{Reader: bufio.NewReader(nil)} }

// head is a request without its body, as the client meant it. Its texts are its reader's.
type head struct {
	method    []byte
	target    []byte // as sent, whatever stands in it
	versioned bool   // the line ended with a version; without one there are no headers
	minor     byte   // of HTTP/1.x, '0' or '1'
	fields    []field
	body      bool // a body follows
}

type field struct {
	name, value []byte
	odd         bool // a blank before the colon: others may have taken it for another name
}

// is tells a field's name. Names are ASCII, so that those that differ in length differ.
func (f field) is(name string) bool {
	return len(f.name) == len(name) && strings.EqualFold(string(f.name), name)
}

// isRead tells the headers that decide something here.
func (f field) isRead() bool {
	return f.is("Host") || f.is("Content-Length") || f.is("Transfer-Encoding") || f.is(forwardedFor)
}

// readHead reads one request up to its body. A *RequestError refuses it; any other error is the
// connection's. The body is left unread.
func (r *reader) readHead() (head, error) {
	r.text, r.fields = r.text[:0], r.fields[:0]
	line, err := r.readRequestLine()
	if err != nil {
		return head{}, err
	}
	h, err := parseRequestLine(line)
	if err != nil || !h.versioned {
		return h, err
	}
	if err := r.readFields(); err != nil {
		return head{}, err
	}
	h.fields = r.fields
	h.body, err = announcesBody(h.fields)
	return h, err
}

// readRequestLine skips blank lines before the request, as RFC 9112, section 2.2 asks.
func (r *reader) readRequestLine() ([]byte, error) {
	for range maxBlankLines {
		line, err := r.readLine(maxRequestLine, errRequestLine)
		if err != nil || len(line) > 0 {
			return line, err
		}
	}
	return nil, errNoRequest
}

// parseRequestLine takes the line apart: the method, the target, one blank, the version. Every other
// blank behind the target's first byte belongs to it, for phones paste names with blanks into it.
func parseRequestLine(line []byte) (head, error) {
	blank := bytes.IndexAny(line, " \t")
	if blank < 0 || !httpguts.ValidHeaderFieldName(string(line[:blank])) {
		return head{}, errNoRequest
	}
	h := head{method: line[:blank], minor: '0'}
	target, major, minor, versioned := cutVersion(line[blank:])
	if versioned {
		if string(major) != "1" || len(minor) != 1 {
			return head{}, errVersion
		}
		h.versioned, h.minor = true, min(minor[0], '1')
	}
	h.target = bytes.TrimLeft(target, " \t")
	if len(h.target) == 0 {
		return head{}, errNoRequest
	}
	return h, nil
}

// cutVersion takes ` HTTP/1.1` from the end of a line. Only the last one in the line counts, since a
// caller may be named like one, and blanks after it belong to nothing.
func cutVersion(line []byte) (before, major, minor []byte, found bool) {
	const protocol = "HTTP/"
	at := bytes.LastIndex(line, []byte(protocol))
	if at < 1 || line[at-1] != ' ' && line[at-1] != '\t' {
		return line, nil, nil, false
	}
	number := bytes.TrimRight(line[at+len(protocol):], " \t\r")
	major, minor, _ = bytes.Cut(number, []byte("."))
	if !isNumber(major) || !isNumber(minor) {
		return line, nil, nil, false
	}
	return line[:at-1], major, minor, true
}

func isNumber(text []byte) bool {
	return len(text) > 0 && !slices.ContainsFunc(text, func(c byte) bool { return c < '0' || c > '9' })
}

// readFields reads the header lines up to the blank one, within limits. A line that is no header is
// dropped, for the handler needs none of it and nothing may be made of it.
func (r *reader) readFields() error {
	counted, others := 0, 0
	kept := false
	for budget := maxHeaders; ; {
		begin := len(r.text)
		line, err := r.readLine(max(budget, 0), errHeaders)
		if errors.Is(err, io.EOF) {
			return errCutShort
		}
		if err != nil || len(line) == 0 {
			return err
		}
		budget -= len(line) + len("\r\n")
		if line[0] == ' ' || line[0] == '\t' {
			if counted++; counted > maxHeaderLines {
				return errHeaderLines
			}
			if kept {
				unfold(&r.fields[len(r.fields)-1], line)
			}
			continue
		}
		f, ok := parseField(line)
		switch {
		case !ok:
			kept = false
		case f.isRead():
			if counted++; counted > maxHeaderLines {
				return errHeaderLines
			}
			kept = true
		default:
			others++
			kept = others <= maxHeaderLines
		}
		if kept {
			r.fields = append(r.fields, f)
		} else {
			r.text = r.text[:begin]
		}
	}
}

// unfold adds a folded line to the field before it (RFC 9112, section 5.2).
func unfold(f *field, line []byte) {
	f.value = bytes.TrimSpace(slices.Concat(f.value, []byte(" "), bytes.TrimSpace(line)))
}

func parseField(line []byte) (field, bool) {
	written, value, ok := bytes.Cut(line, []byte(":"))
	name := bytes.TrimRight(written, " \t")
	return field{name, bytes.TrimSpace(value), len(name) < len(written)}, ok && httpguts.ValidHeaderFieldName(string(name))
}

// announcesBody tells whether a body follows, and refuses one that is too long. A length that cannot
// be read is no reason to lose an event: the body is ignored anyway.
func announcesBody(fields []field) (bool, error) {
	body := false
	for _, f := range fields {
		switch {
		case f.is("Transfer-Encoding"):
			body = true
		case f.is("Content-Length"):
			length, err := strconv.ParseUint(string(f.value), 10, 64)
			if length > maxBody {
				return true, errBody
			}
			body = body || err != nil || length > 0
		}
	}
	return body, nil
}

// readLine reads up to a line feed and drops it, with one carriage return before it. More than limit
// bytes give tooLong; io.EOF means that nothing came at all.
func (r *reader) readLine(limit int, tooLong error) ([]byte, error) {
	begin := len(r.text)
	for {
		part, err := r.ReadSlice('\n')
		r.text = append(r.text, part...)
		line := r.text[begin:]
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
		switch {
		case len(text) > limit:
			return nil, tooLong
		case ended:
			return text, nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errCutShort
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
