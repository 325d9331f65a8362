package action

import (
	"bytes"
	"context"
	stdlog "log" //nolint:depguard // http.Server.ErrorLog takes nothing else
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/rs/zerolog"
)

// A phone gives an event up after 8 s (htek template, Preference_HttpReqTimeOut), so neither limit
// takes anything from one; they end what only holds a connection.
const (
	readHeaderTimeout = 10 * time.Second
	writeTimeout      = 30 * time.Second
)

// NewServer returns a server for a [NewListener]; the caller calls its Serve and Shutdown. What
// net/http has to say, a handler's panic for one, is logged as a warning. Nothing is read after the
// header, so its time-out is the only one for reading.
func NewServer(h http.Handler, log zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      writeTimeout,
		ErrorLog:          stdlog.New(errorLog{log}, "", 0),
		ConnContext:       remember,
	}
}

// Refused tells why the request could not be read, and is nil when it was. The handler has to ask
// before anything else: of a refused request it sees `GET /` in place of what was sent.
func Refused(r *http.Request) *RequestError {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		return c.refused
	}
	return nil
}

// Target gives path and query exactly as they were sent: nothing decoded, no byte lost. The path
// begins with a slash, added where the phone left it out, and ends before the first question mark.
// r.URL.Path is the same path; r.URL.RawQuery is the query with one layer of percent escapes around
// it, so who wants ordinary query values reads them with [url.ParseQuery] from this one.
func Target(r *http.Request) (path, query string) {
	query, err := url.PathUnescape(r.URL.RawQuery)
	if err != nil {
		// The request did not come through a listener of this package.
		query = r.URL.RawQuery
	}
	return r.URL.Path, query
}

type connKey struct{}

func remember(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// errorLog takes the lines of net/http's own log.
type errorLog struct{ log zerolog.Logger }

func (e errorLog) Write(line []byte) (int, error) {
	e.log.Warn().Bytes("error", bytes.TrimSpace(line)).Msg("http server reports an error")
	return len(line), nil
}
