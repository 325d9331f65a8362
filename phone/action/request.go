package action

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Bounds of an answer. Of its body nothing is used; some of it is read because closing early would
// reset the connection while a small web server is still writing.
const (
	maxAnswerHead = 16 << 10
	maxAnswerBody = 4 << 10
	bodyTime      = 500 * time.Millisecond
	maxInterim    = 3 // answers 1xx before the one that counts
)

// requestTarget is the target of the request line as the vendor writes it: no question mark, `*` and
// `+` as they are, `#` as %23. Nothing in an Action URI can end the line or the parameter.
func requestTarget(uri phone.ActionURI) string {
	return string(appendEscaped([]byte("/Phone_ActionURL&"), []byte(uri), &uriSafe))
}

// safe are the bytes that stand for themselves; the percent sign is never among them.
type safe [256]bool

var uriSafe = letters("=&*+-._~")

func letters(and string) (s safe) {
	for c := range s {
		s[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.ContainsRune(and, rune(c))
	}
	return s
}

func appendEscaped(to, raw []byte, safe *safe) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range raw {
		if safe[c] {
			to = append(to, c)
			continue
		}
		to = append(to, '%', hex[c>>4], hex[c&15])
	}
	return to
}

// reply is the head of an answer, or what is known without one.
type reply struct {
	sent   bool // the request went out
	status int
	header http.Header
}

// request makes one request over a connection of its own. An own connection, because net/http would
// repeat a GET by itself when a kept one dies, and the phone would dial twice. wanted is asked before,
// and again when the connection is there: that can take as long as the answer.
func (c *conversation) request(parent context.Context, to Address, login Login, target string, wanted func() error) (reply, error) {
	if err := wanted(); err != nil {
		return reply{}, err
	}
	authorization, err := c.login.authorization(to, login, target)
	if err != nil {
		return reply{}, fmt.Errorf("%w: %w", err, ErrLogin)
	}
	ctx, cancel := context.WithTimeout(parent, c.opt.timeout())
	defer cancel()
	conn, err := c.opt.connect(ctx, to)
	if err != nil {
		if parent.Err() != nil {
			return reply{}, context.Cause(parent)
		}
		if !errors.Is(err, ErrTLS) {
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return reply{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := wanted(); err != nil {
		return reply{}, err
	}

	answer, err := c.opt.talk(conn, to, target, authorization)
	switch {
	case err == nil:
		return answer, nil
	case parent.Err() != nil:
		return answer, context.Cause(parent)
	case ctx.Err() != nil:
		return answer, ErrTimeout
	}
	return answer, fmt.Errorf("%s: %w", broken(err), ErrHTTP)
}

// connect dials, and shakes hands for https.
func (o *Options) connect(ctx context.Context, to Address) (net.Conn, error) {
	conn, err := o.dial(ctx, to)
	if err != nil || to.Scheme != "https" {
		return conn, err
	}
	secured := tls.Client(conn, to.tlsConfig())
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrTLS, err)
		}
		return nil, err
	}
	return secured, nil
}

// talk writes the request and reads the answer's head; its body is read and dropped.
func (o *Options) talk(conn net.Conn, to Address, target, authorization string) (reply, error) {
	r := &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: to.Scheme, Host: to.Host, Opaque: target},
		Header: http.Header{"User-Agent": {cmp.Or(o.UserAgent, "phone2mqtt")}},
		Close:  true,
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	said := reply{sent: true}
	if err := r.Write(conn); err != nil {
		return said, err
	}
	bounded := &io.LimitedReader{R: conn, N: maxAnswerHead}
	answer, err := readAnswer(bufio.NewReader(bounded), r)
	if err != nil {
		if bounded.N == 0 {
			return said, errLongHead
		}
		return said, err
	}
	defer answer.Body.Close()
	bounded.N = maxAnswerBody
	_ = conn.SetReadDeadline(time.Now().Add(bodyTime))
	// The head has said all there is to say: a body that hangs or breaks off takes nothing of it back.
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswerBody)
	said.status, said.header = answer.StatusCode, answer.Header
	return said, nil
}

func readAnswer(from *bufio.Reader, to *http.Request) (*http.Response, error) {
	for range maxInterim {
		answer, err := http.ReadResponse(from, to)
		if err != nil || answer.StatusCode >= http.StatusOK {
			return answer, err
		}
		_ = answer.Body.Close()
	}
	return nil, errInterim
}

var (
	errLongHead = errors.New("its answer has over 16 KiB of headers")
	errInterim  = errors.New("its answer never came to an end")
)

// broken tells in our words what was wrong with an answer. The parser's words quote the answer, and a
// phone may have put our own request into it, with the login.
func broken(err error) string {
	switch {
	case errors.Is(err, errLongHead), errors.Is(err, errInterim):
		return err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it closed the connection without an answer"
	}
	return "its answer is not HTTP"
}

func bracketed(hostname string) string {
	if strings.Contains(hostname, ":") {
		return "[" + hostname + "]"
	}
	return hostname
}
