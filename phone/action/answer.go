package action

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"time"
)

// answerRoom is how much of a body is kept until all of it is known: nearly all answers are smaller, and
// go out in one piece, with their length.
const answerRoom = 4 << 10

// answer is what a handler writes to, for one connection after the other. A long one goes out as it is
// written: with its length where the handler has set that, else in chunks, so that its end can be told
// from the end of a connection that broke (RFC 9112, section 7.1).
type answer struct {
	to      io.Writer
	http10  bool // what was asked in HTTP/1.0 is answered so
	toHead  bool // HEAD was asked: no body
	header  http.Header
	status  int          // 0: not known yet
	text    bytes.Buffer // of the body, while the head is not out
	out     bytes.Buffer
	body    io.Writer // nil while the head is not out
	chunked io.Closer // ends the body, nil when nothing has to
}

var _ http.ResponseWriter = (*answer)(nil)

// begin makes it the answer to a request, and keeps its memory.
func (a *answer) begin(to io.Writer, r *http.Request) {
	a.text.Reset()
	*a = answer{to: to, http10: r.ProtoMinor == 0, toHead: r.Method == http.MethodHead, text: a.text, out: a.out}
}

// Header is that of the answer, but for Date and Connection, until more of the body is written than is
// kept. No Content-Type is guessed.
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = make(http.Header)
	}
	return a.header
}

// WriteHeader sets the status; the first one counts. There are no interim answers.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write writes a part of the body, which goes nowhere where there may be none.
func (a *answer) Write(text []byte) (int, error) {
	if a.body == nil && a.text.Len()+len(text) <= answerRoom {
		return a.text.Write(text)
	}
	if err := a.stream(); err != nil {
		return 0, err
	}
	return a.body.Write(text)
}

// stream sends what there is, so that the rest of the body can follow piece by piece.
func (a *answer) stream() error {
	if a.body != nil {
		return nil
	}
	a.body = a.to
	if !a.hasBody() {
		a.body = io.Discard
	} else if a.header.Get("Content-Length") == "" && !a.http10 {
		a.Header().Set("Transfer-Encoding", "chunked")
		chunks := httputil.NewChunkedWriter(a.to)
		a.body, a.chunked = chunks, chunks
	}
	a.writeHead(unknown)
	if _, err := a.to.Write(a.out.Bytes()); err != nil {
		return err
	}
	_, err := a.body.Write(a.text.Bytes())
	return err
}

// finish sends what is not out yet. That nobody takes it any more is nobody's concern.
func (a *answer) finish() {
	switch {
	case a.chunked != nil:
		_ = a.chunked.Close()
		_, _ = io.WriteString(a.to, "\r\n")
	case a.body == nil:
		a.writeHead(a.text.Len())
		if a.hasBody() {
			a.out.Write(a.text.Bytes())
		}
		_, _ = a.to.Write(a.out.Bytes())
	}
}

// unknown is the length of a body that is not complete.
const unknown = -1

// writeHead puts the head together, with the length of the body unless the handler has set that.
func (a *answer) writeHead(length int) {
	a.WriteHeader(http.StatusOK)
	version := "HTTP/1.1 "
	if a.http10 {
		version = "HTTP/1.0 "
	}
	a.out.Reset()
	a.out.WriteString(version)
	a.out.Write(strconv.AppendInt(a.out.AvailableBuffer(), int64(a.status), 10))
	a.out.WriteString(" " + http.StatusText(a.status) + "\r\nDate: ")
	a.out.Write(time.Now().UTC().AppendFormat(a.out.AvailableBuffer(), http.TimeFormat))
	a.out.WriteString("\r\nConnection: close\r\n")
	if length != unknown && a.mayHaveBody() && a.header.Get("Content-Length") == "" {
		a.out.WriteString("Content-Length: ")
		a.out.Write(strconv.AppendInt(a.out.AvailableBuffer(), int64(length), 10))
		a.out.WriteString("\r\n")
	}
	// It takes line ends out of the values. A buffer takes all.
	_ = a.header.Write(&a.out)
	a.out.WriteString("\r\n")
}

// mayHaveBody tells whether a status has one (RFC 9110, section 6.4.1).
func (a *answer) mayHaveBody() bool {
	return a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

func (a *answer) hasBody() bool { return a.mayHaveBody() && !a.toHead }
