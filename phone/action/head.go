package action

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"

	"golang.org/x/net/http/httpguts"
)

// The limits of a request, in bytes.
const (
	maxRequestLine = 8 << 10
	maxHeaders     = 16 << 10
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
	errBody        = &RequestError{http.StatusRequestEntityTooLarge, "body over 4 KiB"}
	errCutShort    = &RequestError{http.StatusBadRequest, "request cut short"}
	errNoRequest   = &RequestError{http.StatusBadRequest, "not an HTTP request"}
	errVersion     = &RequestError{http.StatusBadRequest, "not HTTP/1.0 or HTTP/1.1"}
)

// head is a request without its body, as the client meant it.
type head struct {
	method    string
	target    []byte // as sent, whatever stands in it
	versioned bool   // the line ended with a version; without one there are no headers
	minor     byte   // of HTTP/1.x, '0' or '1'
	fields    []field
	body      bool // a body follows
}

type field struct {
	name  string
	value []byte
}

// readHead reads one request up to its body. A *RequestError refuses it; any other error is the
// connection's. The body is left unread.
func readHead(r *bufio.Reader) (head, error) {
	line, err := readRequestLine(r)
	if err != nil {
		return head{}, err
	}
	h, err := parseRequestLine(line)
	if err != nil || !h.versioned {
		return h, err
	}
	if h.fields, err = readFields(r); err != nil {
		return head{}, err
	}
	h.body, err = announcesBody(h.fields)
	return h, err
}

// readRequestLine skips blank lines before the request, as RFC 9112, section 2.2 asks.
func readRequestLine(r *bufio.Reader) ([]byte, error) {
	for range maxBlankLines {
		line, err := readLine(r, maxRequestLine, errRequestLine)
		if err != nil || len(line) > 0 {
			return line, err
		}
	}
	return nil, errNoRequest
}

// version is what ends a request line. Only the last one in the line counts, since a caller may be
// named like one, and blanks after it belong to nothing.
var version = regexp.MustCompile(`[ \t]HTTP/([0-9]+)\.([0-9]+)[ \t\r]*$`)

// parseRequestLine takes the line apart: the method, the target, one blank, the version. Every other
// blank behind the target's first byte belongs to it, for phones paste names with blanks into it.
func parseRequestLine(line []byte) (head, error) {
	blank := bytes.IndexAny(line, " \t")
	if blank < 0 || !httpguts.ValidHeaderFieldName(string(line[:blank])) {
		return head{}, errNoRequest
	}
	h := head{method: string(line[:blank]), minor: '0'}
	rest := line[blank:]
	if at := version.FindSubmatchIndex(rest); at != nil {
		major, minor := string(rest[at[2]:at[3]]), rest[at[4]:at[5]]
		if major != "1" || len(minor) != 1 {
			return head{}, errVersion
		}
		h.versioned, h.minor = true, min(minor[0], '1')
		rest = rest[:at[0]]
	}
	h.target = bytes.TrimLeft(rest, " \t")
	if len(h.target) == 0 {
		return head{}, errNoRequest
	}
	return h, nil
}

// readFields reads the header lines up to the blank one. A line that is no header is dropped, for the
// handler needs none of it and nothing may be made of it.
func readFields(r *bufio.Reader) ([]field, error) {
	var fields []field
	kept := false
	for budget := maxHeaders; ; {
		line, err := readLine(r, max(budget, 0), errHeaders)
		if errors.Is(err, io.EOF) {
			return nil, errCutShort
		}
		if err != nil || len(line) == 0 {
			return fields, err
		}
		budget -= len(line) + len("\r\n")
		if line[0] == ' ' || line[0] == '\t' {
			if kept {
				unfold(&fields[len(fields)-1], line)
			}
			continue
		}
		var f field
		if f, kept = parseField(line); kept {
			fields = append(fields, f)
		}
	}
}

// unfold adds a folded line to the field before it (RFC 9112, section 5.2).
func unfold(f *field, line []byte) {
	f.value = bytes.TrimSpace(append(append(f.value, ' '), bytes.TrimSpace(line)...))
}

func parseField(line []byte) (field, bool) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	return field{string(name), bytes.TrimSpace(value)}, ok && httpguts.ValidHeaderFieldName(string(name))
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
func readLine(r *bufio.Reader, limit int, tooLong error) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
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
