package bridge

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// storeWait is how long a phone is kept waiting for the disk. Phones give up after 8 s.
const storeWait = 7 * time.Second

// refusal is an answer other than 200, with the reason that body and log give.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// ServeHTTP takes one Action URL request, or answers one of the bridge's own paths. It belongs behind
// an [action.NewListener], which repairs what phones send.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query := action.Target(r)
	if b.ownPage(w, path) {
		return
	}
	source := sourceOf(r)
	if err := b.intake(r, source, path, query); err != nil {
		b.refuse(w, source, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// intake judges a request and has its event stored.
func (b *Bridge) intake(r *http.Request, source netip.Addr, path, query string) error {
	if bad := action.Refused(r); bad != nil {
		return &refusal{bad.Status, bad.Reason}
	}
	words, err := b.checkToken(phone.SplitWords(path))
	if err != nil {
		return err
	}
	if !b.allowed(source) {
		return refuse(http.StatusForbidden, "address %s is not in HTTP_ALLOW", source)
	}
	if !b.limiter.allows(source) {
		return refuse(http.StatusTooManyRequests, "more than %d events a second from %s (HTTP_RATE)", b.cfg.Rate, source)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "method %.20q, expected GET or POST", r.Method)
	}
	event, err := phone.ParseEvent(words, phone.SplitVariables(query), b.dialect())
	if err != nil {
		return unparsed(err)
	}
	return b.store(event, origin{source: source, token: len(b.cfg.Tokens) > 0})
}

// checkToken takes the token out of the path words. It is judged before all else, so that who does not
// know it learns nothing more.
func (b *Bridge) checkToken(words []string) ([]string, error) {
	if len(b.cfg.Tokens) == 0 {
		return words, nil
	}
	rest := slices.DeleteFunc(slices.Clone(words), b.isToken)
	if len(rest) == len(words) {
		return nil, refuse(http.StatusForbidden, "the Action URL carries no valid token (HTTP_TOKEN) as a path word")
	}
	return rest, nil
}

func (b *Bridge) isToken(word string) bool {
	return slices.ContainsFunc(b.cfg.Tokens, func(token string) bool {
		return subtle.ConstantTimeCompare([]byte(token), []byte(word)) == 1
	})
}

func (b *Bridge) dialect() phone.Dialect {
	return phone.Dialect{
		Default: b.cfg.DefaultEvent,
		Known:   func(mac phone.MAC) bool { return b.phones.find(mac) != nil },
		Charset: func(phone.MAC) phone.Charset { return b.cfg.Charset },
	}
}

func unparsed(err error) error {
	if bad, ok := errors.AsType[*phone.MACError](err); ok {
		return &refusal{http.StatusBadRequest, bad.Error()}
	}
	return &refusal{http.StatusNotFound, err.Error()}
}

// store hands an event to its phone and waits until it is on disk.
func (b *Bridge) store(event phone.Event, from origin) error {
	for {
		d, err := b.deviceOf(event.MAC, from.source)
		switch {
		case errors.Is(err, errUnidentified):
			return &refusal{http.StatusBadRequest, err.Error()}
		case err != nil:
			return &refusal{http.StatusForbidden, err.Error()}
		}
		event.MAC = d.mac
		receipt, err := b.take(d, event, from)
		if errors.Is(err, errRemoved) {
			continue // between finding and taking it; it is learned anew
		}
		if receipt == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), storeWait)
		defer cancel()
		if err := receipt.Wait(ctx); err != nil {
			return refuse(http.StatusServiceUnavailable, "the event could not be stored: %s", err)
		}
		return nil
	}
}

// sourceOf is the address that a request came from.
func sourceOf(r *http.Request) netip.Addr {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return remote.Addr().Unmap().WithZone("")
}

// refuse answers with the reason, and logs it when it is news.
func (b *Bridge) refuse(w http.ResponseWriter, source netip.Addr, err error) {
	status := http.StatusInternalServerError
	if r, ok := errors.AsType[*refusal](err); ok {
		status = r.status
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, POST")
	}
	if n, ok := b.refusals.says(fmt.Sprintf("%s %d", source, status)); ok {
		b.log.Warn().Str("source", source.String()).Int("status", status).Str("reason", err.Error()).Int("times", n).Msg("event refused")
	}
	plain(w, status, err.Error())
}

// plain answers with one text.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}
