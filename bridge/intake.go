package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// storeWait is how long a phone is kept waiting for the disk. Phones give up after 8 s.
const storeWait = 7 * time.Second

var errSlow = fmt.Errorf("the disk did not take it within %s", storeWait)

// refusal is an answer other than 200, with the text that body and log give.
type refusal struct {
	status int
	reason Reason
	text   string
}

func refuse(status int, reason Reason, format string, args ...any) *refusal {
	return &refusal{status, reason, fmt.Sprintf(format, args...)}
}

// ServeHTTP takes one Action URL request, or answers one of the bridge's own paths. It belongs behind
// an [action.Server], which hands on what phones send.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query := r.URL.Path, r.URL.RawQuery
	if b.ownPage(w, r, path, !b.cfg.Admin) {
		return
	}
	source := b.sourceOf(r)
	answer := Answer{Status: http.StatusOK}
	refused := b.intake(&answer, r, source, path, query)
	if refused != nil {
		answer.Status, answer.Reason = refused.status, refused.reason
	}
	b.cfg.Meter.EventAnswered(answer)
	if refused != nil {
		b.refuse(w, source, refused)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// intake judges a request and has its event stored. It notes in the answer how far it came.
func (b *Bridge) intake(answer *Answer, r *http.Request, source netip.Addr, path, query string) *refusal {
	if bad := action.Refused(r); bad != nil {
		return &refusal{bad.Status, BadRequest, bad.Reason}
	}
	// Before all else, so that who does not know the token learns nothing more.
	pass, words, err := b.gate.Enter(phone.SplitWords(path), query)
	if err != nil {
		return &refusal{http.StatusForbidden, BadToken, err.Error()}
	}
	if !b.gate.Allows(source) {
		return refuse(http.StatusForbidden, BadAddress, "address %s is not in HTTP_ALLOW", source)
	}
	if !b.limiter.Allows(source) {
		return refuse(http.StatusTooManyRequests, TooMany, "more than %d events a second from %s (HTTP_RATE)", b.cfg.Rate, source)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, BadMethod, "method %.20q, expected GET or POST", r.Method)
	}
	from := origin{source: source, token: len(b.cfg.Tokens) > 0, asked: asked{r.Method, path, query, r.Proto}}
	if b.cfg.Record != nil {
		from.asked.path, from.asked.query = pass.Hide(path, query)
	}
	event, err := phone.ParseEvent(words, phone.SplitVariables(query), b.dialect(source, pass.Phone()))
	if err != nil {
		b.keepRefused(from)
		return unparsed(err)
	}
	if err := pass.For(event.MAC); err != nil {
		return &refusal{http.StatusForbidden, BadToken, err.Error()}
	}
	answer.Event = event.Type
	repeat, refused := b.store(event, from)
	answer.Repeat = repeat
	return refused
}

// dialect is how the events from an address are read, or those with a phone's own token, which proves that
// there is such a phone.
func (b *Bridge) dialect(source netip.Addr, proven phone.MAC) phone.Dialect {
	return phone.Dialect{
		Default: b.cfg.DefaultEvent,
		Known:   func(mac phone.MAC) bool { return mac == proven || b.phones.find(mac) != nil },
		Charset: func(mac phone.MAC) phone.Charset {
			listing, _ := b.phones.book.Listing(cmp.Or(mac, b.phones.book.Only(source)))
			return cmp.Or(listing.Charset, b.cfg.Charset)
		},
	}
}

func unparsed(err error) *refusal {
	if bad, ok := errors.AsType[*phone.MACError](err); ok {
		return &refusal{http.StatusBadRequest, NoPhone, bad.Error()}
	}
	return &refusal{http.StatusNotFound, BadPath, err.Error()}
}

// store hands an event to its phone and waits until it is on disk.
func (b *Bridge) store(event phone.Event, from origin) (repeat bool, refused *refusal) {
	for {
		d, err := b.deviceOf(event.MAC, from.source)
		switch {
		case errors.Is(err, errUnidentified):
			b.keepRefused(from)
			return false, &refusal{http.StatusBadRequest, NoPhone, err.Error()}
		case err != nil:
			return false, &refusal{http.StatusForbidden, UnknownPhone, err.Error()}
		}
		event.MAC = d.mac
		receipt, repeat, err := b.take(d, &event, from)
		if errors.Is(err, errRemoved) {
			continue // between finding and taking it; it is learned anew
		}
		if errors.Is(err, errStrict) {
			return false, &refusal{http.StatusForbidden, BadAddress, err.Error()}
		}
		if receipt == nil {
			return repeat, nil
		}
		if err := await(receipt); err != nil {
			return repeat, refuse(http.StatusServiceUnavailable, NotStored, "the event could not be stored: %s", err)
		}
		d.stored(receipt)
		return repeat, nil
	}
}

// await waits until an event is on disk. It does so for every event, and a context costs several times
// what a timer does.
func await(receipt *mqtt.Receipt) error {
	slow := time.NewTimer(storeWait)
	defer slow.Stop()
	select {
	case <-receipt.Done():
		return receipt.Err()
	case <-slow.C:
		return errSlow
	}
}

// sourceOf is the address that a request came from.
func (b *Bridge) sourceOf(r *http.Request) netip.Addr {
	return b.gate.Source(r.RemoteAddr, r.Header["X-Forwarded-For"])
}

// refuse answers with the reason, and logs it when it is news.
func (b *Bridge) refuse(w http.ResponseWriter, source netip.Addr, r *refusal) {
	if r.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, POST")
	}
	if n, ok := b.refusals.Says(mistake(source, r)); ok {
		b.log.Warn().Str("source", source.String()).Int("status", r.status).Str("reason", r.text).Int("times", n).Msg("event refused")
	}
	plain(w, r.status, r.text)
}

// mistake tells one refusal from another for the log. A new mistake of the same kind is news, but whoever
// makes up a new word for each request must not fill the log: texts share a few places.
func mistake(source netip.Addr, r *refusal) string {
	const places = 16
	text := fnv.New32a()
	_, _ = io.WriteString(text, r.text)
	return fmt.Sprint(source, r.reason, text.Sum32()%places)
}

// plain answers with one text.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}
