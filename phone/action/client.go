package action

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// What can become of a request, told apart with [errors.Is].
var (
	// ErrUnreachable: there is no connection, and nothing was sent that the phone has not refused.
	ErrUnreachable = errors.New("no connection to the phone: check that it is on and that its address is right")
	// ErrTimeout: the request was sent, and no answer came in time. The phone may have obeyed.
	ErrTimeout = errors.New("the phone did not answer in time")
	// ErrLogin: status 401 or 403.
	ErrLogin = errors.New("the phone refused the login: check its user name and password; on U models also Remote Control -> Action URI, which has to be on and list this computer")
	// ErrLoginPause: the login was refused twice in a row, and nothing was sent this time. It is an ErrLogin.
	ErrLoginPause = fmt.Errorf("too many refused logins: %w", ErrLogin)
	// ErrHTTP: any other refusal, or an answer that is none. The phone may have obeyed if it is broken.
	ErrHTTP = errors.New("the phone did not accept the request")
)

// Options are the settings of one phone's [Phone].
type Options struct {
	Timeout    time.Duration // of one request, from dialling to the answer's end; 5 s when it is zero
	KeyPause   time.Duration // least time from the answer to a key press to the next request
	UserAgent  string        // empty: phone2mqtt
	AsksDigest bool          // what [Phone.AsksDigest] told before a restart

	// DialContext makes the connections; nil: a net.Dialer, and never a proxy.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Phone sends Action URIs to one desk phone, one request at a time, and knows its pacing and how it
// wants to be logged in to. Make one with [NewPhone]; its methods may be called at the same time.
type Phone struct {
	opt    Options
	turn   chan struct{} // held by the one who sends; guards what follows
	login  authenticator
	pacing pacing
}

// NewPhone returns a phone that nothing was sent to yet.
func NewPhone(opt Options) *Phone {
	if opt.Timeout <= 0 {
		opt.Timeout = 5 * time.Second
	}
	if opt.UserAgent == "" {
		opt.UserAgent = "phone2mqtt"
	}
	if opt.DialContext == nil {
		opt.DialContext = new(net.Dialer).DialContext
	}
	p := &Phone{opt: opt, turn: make(chan struct{}, 1), pacing: pacing{keyPause: opt.KeyPause}}
	p.login.asksDigest.Store(opt.AsksDigest)
	return p
}

// AsksDigest tells that the phone once asked for Digest. From then on it is never sent Basic, so the
// fact is worth keeping across a restart.
func (p *Phone) AsksDigest() bool { return p.login.asksDigest.Load() }

// Answer is what a phone said to a request.
type Answer struct {
	Sent     bool          // the request went out, whatever came back
	Status   int           // HTTP status; 0 when none came
	Duration time.Duration // from dialling to the answer's end, waiting for its turn left out
}

// Ready waits until the pause after the last key is over, so that what is sent next can be decided as
// late as possible: Do would wait, too, but with the decision taken. When ctx ends, its cause is returned.
func (p *Phone) Ready(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return p.pacing.wait(ctx)
}

// Do sends one Action URI and waits for the answer. A status of 2xx means that the phone accepted;
// everything else is an error, with the status in the Answer where there was one. At most two
// requests go out, the second only after a 401. When ctx ends, its cause is returned.
func (p *Phone) Do(ctx context.Context, to Address, login Login, uri phone.ActionURI) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, context.Cause(ctx)
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	}
	if err := p.pacing.judge(login); err != nil {
		return Answer{}, err
	}
	if err := p.pacing.wait(ctx); err != nil {
		return Answer{}, err
	}
	begun := time.Now()
	said, err := p.send(ctx, to, login, requestTarget(uri))
	answer := Answer{Sent: said.sent, Status: said.status, Duration: time.Since(begun)}
	p.remember(uri, login, answer, err)
	return answer, err
}

// remember draws the conclusions for the next request. A phone that could not be reached, or did not
// answer, has neither refused a login nor taken one.
func (p *Phone) remember(uri phone.ActionURI, login Login, answer Answer, err error) {
	if uri.PressesKey() && !errors.Is(err, ErrUnreachable) {
		p.pacing.pressed()
	}
	switch {
	case errors.Is(err, ErrLogin):
		p.pacing.loginRefused(login)
	case answer.Status != 0:
		p.pacing.loggedIn()
	}
}

// send makes the request, and once more when the first answer is 401: with Digest when the phone asks
// for it, otherwise as before, since some firmware refuses the first request whatever it carries.
func (p *Phone) send(ctx context.Context, to Address, login Login, target string) (reply, error) {
	first, err := p.request(ctx, to, login, target)
	if err != nil {
		return first, err
	}
	if first.status != http.StatusUnauthorized {
		return first, verdict(to, first)
	}
	if err := p.login.learn(to, login, first.header); err != nil {
		return first, fmt.Errorf("http status 401 from %s, %w: %w", to.Host, err, ErrLogin)
	}
	second, err := p.request(ctx, to, login, target)
	second.sent = true
	if err != nil {
		return second, err
	}
	if second.status == http.StatusUnauthorized {
		// What it asks for now serves the next command; this one is refused either way.
		_ = p.login.learn(to, login, second.header)
	}
	return second, verdict(to, second)
}

// verdict makes an error of every answer but success, with what a person can do about it.
func verdict(to Address, answer reply) error {
	status := answer.status
	said := fmt.Sprintf("http status %d from %s", status, to.Host)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("%s: %w", said, ErrLogin)
	case status == http.StatusNotFound:
		return fmt.Errorf("%s, its firmware does not know the request or, on U models, Remote Control -> Action URI is off: %w", said, ErrHTTP)
	case status/100 == 3 && strings.HasPrefix(strings.ToLower(answer.header.Get("Location")), "https:"):
		return fmt.Errorf("%s, it wants https: list the phone as https://%s: %w", said, bracketed(to.hostname()), ErrHTTP)
	}
	return fmt.Errorf("%s: %w", said, ErrHTTP)
}
