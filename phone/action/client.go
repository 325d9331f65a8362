package action

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// What can become of a request, told apart with [errors.Is].
var (
	// ErrUnreachable: there is no connection, and nothing was sent that the phone has not refused.
	ErrUnreachable = errors.New("no connection to the phone: check that it is on and that its address is right")
	// ErrTLS: the phone is there, but no https with it that can be trusted; nothing was sent.
	ErrTLS = errors.New("no https with the phone: when its certificate is its own, give it ca_file, or insecure: true, in PHONES_FILE")
	// ErrTimeout: the request was sent, and no answer came in time. The phone may have obeyed.
	ErrTimeout = errors.New("the phone did not answer in time")
	// ErrLogin: status 401 or 403.
	ErrLogin = errors.New("the phone refused the login: check its user name and password; on U models also Remote Control -> Action URI, which has to be on and list this computer")
	// ErrLoginPause: the login was refused twice in a row, and nothing was sent this time. It is an ErrLogin.
	ErrLoginPause = fmt.Errorf("too many refused logins: %w", ErrLogin)
	// ErrHTTP: any other refusal, or an answer that is none. The phone may have obeyed if it is broken.
	ErrHTTP = errors.New("the phone did not accept the request")
)

// Options are the settings by which phones are told something. All phones share them, so they must not
// be changed after the first [NewPhone].
type Options struct {
	Timeout   time.Duration // of one request, from dialling to the answer's end; 5 s when it is zero
	KeyPause  time.Duration // least time from the answer to a key press to the next request
	UserAgent string        // empty: phone2mqtt

	// DialContext makes the connections; nil: a net.Dialer, and never a proxy.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

func (o *Options) timeout() time.Duration {
	if o.Timeout <= 0 {
		return 5 * time.Second
	}
	return o.Timeout
}

func (o *Options) dial(ctx context.Context, to Address) (net.Conn, error) {
	if o.DialContext == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", to.dial())
	}
	return o.DialContext(ctx, "tcp", to.dial())
}

// Phone sends Action URIs to one desk phone, one request at a time, and knows its pacing and how it
// wants to be logged in to. Make one with [NewPhone]; its methods may be called at the same time. One
// that was never told anything takes next to no memory: there may be thousands.
type Phone struct {
	opt        *Options
	asksDigest atomic.Bool
	told       atomic.Pointer[conversation] // nil before the first request
}

// conversation is what a phone that was told something is remembered by.
type conversation struct {
	opt    *Options
	turn   chan struct{} // held by the one who sends; guards what follows
	login  authenticator
	pacing pacing
}

// NewPhone returns a phone that nothing was sent to yet. What [Phone.AsksDigest] told before a restart
// still holds.
func NewPhone(opt *Options, asksDigest bool) *Phone {
	p := &Phone{opt: opt}
	p.asksDigest.Store(asksDigest)
	return p
}

// AsksDigest tells that the phone once asked for Digest. From then on it is never sent Basic, so the
// fact is worth keeping across a restart.
func (p *Phone) AsksDigest() bool { return p.asksDigest.Load() }

func (p *Phone) conversation() *conversation {
	if p.told.Load() == nil {
		p.told.CompareAndSwap(nil, &conversation{
			opt:    p.opt,
			turn:   make(chan struct{}, 1),
			login:  authenticator{asksDigest: &p.asksDigest},
			pacing: pacing{keyPause: p.opt.KeyPause},
		})
	}
	return p.told.Load()
}

// begin waits for the turn to send, until ctx ends, whose cause it returns then.
func (c *conversation) begin(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *conversation) end() { <-c.turn }

// Answer is what a phone said to a request.
type Answer struct {
	Sent     bool          // the request went out, whatever came back
	Status   int           // HTTP status; 0 when none came
	Duration time.Duration // from dialling to the answer's end, waiting for its turn left out
}

// Ready waits until the pause after the last key is over, so that what is sent next can be decided as
// late as possible: Do would wait, too, but with the decision taken. When ctx ends, its cause is returned.
func (p *Phone) Ready(ctx context.Context) error {
	c := p.conversation()
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	return c.pacing.wait(ctx)
}

// Do sends one Action URI and waits for the answer. A status of 2xx means that the phone accepted;
// everything else is an error, with the status in the Answer where there was one. At most two
// requests go out, the second only after a 401. When ctx ends, its cause is returned.
func (p *Phone) Do(ctx context.Context, to Address, login Login, uri phone.ActionURI) (Answer, error) {
	return p.DoWhile(ctx, to, login, uri, func() error { return nil })
}

// DoWhile is Do for what may come too late: wanted is asked before each connection and again before what
// goes over it, also after a 401. Its error is returned, and the request not made.
func (p *Phone) DoWhile(ctx context.Context, to Address, login Login, uri phone.ActionURI, wanted func() error) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, context.Cause(ctx)
	}
	c := p.conversation()
	if err := c.begin(ctx); err != nil {
		return Answer{}, err
	}
	defer c.end()
	if err := c.pacing.judge(login); err != nil {
		return Answer{}, err
	}
	if err := c.pacing.wait(ctx); err != nil {
		return Answer{}, err
	}
	begun := time.Now()
	said, err := c.send(ctx, to, login, requestTarget(uri), wanted)
	answer := Answer{Sent: said.sent, Status: said.status, Duration: time.Since(begun)}
	c.remember(uri, login, answer, err)
	return answer, err
}

// remember draws the conclusions for the next request. A phone that could not be reached, or did not
// answer, has neither refused a login nor taken one.
func (c *conversation) remember(uri phone.ActionURI, login Login, answer Answer, err error) {
	if uri.PressesKey() && !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTLS) {
		c.pacing.pressed()
	}
	switch {
	case errors.Is(err, ErrLogin):
		c.pacing.loginRefused(login)
	case answer.Status == http.StatusUnauthorized: // and no other try was wanted
	case answer.Status != 0:
		c.pacing.loggedIn()
	}
}

// send makes the request, and once more when the first answer is 401: with Digest when the phone asks
// for it, otherwise as before, since some firmware refuses the first request whatever it carries.
func (c *conversation) send(ctx context.Context, to Address, login Login, target string, wanted func() error) (reply, error) {
	first, err := c.request(ctx, to, login, target, wanted)
	if err != nil {
		return first, err
	}
	if first.status != http.StatusUnauthorized {
		return first, verdict(to, first)
	}
	if err := c.login.learn(to, login, first.header); err != nil {
		return first, fmt.Errorf("http status 401 from %s, %w: %w", to.Host, err, ErrLogin)
	}
	second, err := c.request(ctx, to, login, target, wanted)
	second.sent = true
	if err != nil {
		return second, err
	}
	if second.status == http.StatusUnauthorized {
		// What it asks for now serves the next command; this one is refused either way.
		_ = c.login.learn(to, login, second.header)
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
