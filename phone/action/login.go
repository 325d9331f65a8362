package action

import (
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/icholy/digest"

	"github.com/phone2mqtt/phone2mqtt/secret"
)

// Login is who a phone is told to obey; the zero one sends none.
type Login struct {
	Username string
	Password secret.Text
}

func (l Login) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.Username+":"+l.Password.Reveal()))
}

var (
	errNoLogin   = errors.New("it asks for a login, and none is set for it")
	errAlgorithm = errors.New("it asks for a kind of Digest login that is not supported")
	errDowngrade = errors.New("it asks for Basic after it once asked for Digest, so the password is not sent; if its firmware was changed on purpose, remove the phone and add it again")
)

// authenticator is how one phone wants to be logged in to, as its answers told. Its user serialises
// the calls, asksDigest aside, which is its phone's.
type authenticator struct {
	asksDigest *atomic.Bool
	host       string // the one that the challenge came from
	challenge  *digest.Challenge
	uses       int // of the challenge's nonce
}

// authorization is the header's value for a request for target, empty for none: Basic at once, or
// Digest with the last challenge, which spares a request while the phone keeps its nonce.
func (a *authenticator) authorization(to Address, login Login, target string) (string, error) {
	if login == (Login{}) {
		return "", nil
	}
	if !a.asksDigest.Load() {
		return login.basic(), nil
	}
	if a.challenge == nil || a.host != to.Host {
		return "", nil
	}
	a.uses++
	credentials, err := digest.Digest(a.challenge, digest.Options{
		Method:   http.MethodGet,
		URI:      target,
		Count:    a.uses,
		Username: login.Username,
		Password: login.Password.Reveal(),
	})
	if err != nil {
		return "", err
	}
	return credentials.String(), nil
}

// learn takes what a 401 asks for, and tells why the request cannot be repeated if it cannot.
func (a *authenticator) learn(from Address, login Login, header http.Header) error {
	basic, digests := split(header.Values("WWW-Authenticate"))
	if len(digests) > 0 {
		a.asksDigest.Store(true)
		a.take(from, supported(digests))
	}
	switch {
	case login == Login{}:
		return errNoLogin
	case len(digests) > 0 && a.challenge == nil:
		return errAlgorithm
	case len(digests) == 0 && basic && a.asksDigest.Load():
		return errDowngrade
	}
	return nil
}

// take keeps a challenge for the next request. A nonce that comes again goes on being counted: a phone
// takes a count that it has seen for a replay.
func (a *authenticator) take(from Address, c *digest.Challenge) {
	again := c != nil && a.challenge != nil && c.Nonce == a.challenge.Nonce && a.host == from.Host
	if !again {
		a.uses = 0
	}
	a.host, a.challenge = from.Host, c
}

// scheme is where a challenge begins. One header may hold several, and the parameters of each hold
// commas too.
var scheme = regexp.MustCompile(`(?i)(?:^|,)[ \t]*(Basic|Digest)(?:[ \t]+|$)`)

// split sorts the challenges of a 401; those for Digest come without the scheme's name.
func split(headers []string) (basic bool, digests []string) {
	for _, header := range headers {
		starts := scheme.FindAllStringSubmatchIndex(header, -1)
		for i, at := range starts {
			end := len(header)
			if i+1 < len(starts) {
				end = starts[i+1][0]
			}
			if strings.EqualFold(header[at[2]:at[3]], "Basic") {
				basic = true
				continue
			}
			digests = append(digests, header[at[1]:end])
		}
	}
	return basic, digests
}

// supported is the first challenge that can be answered, or nil.
func supported(challenges []string) *digest.Challenge {
	for _, text := range challenges {
		c, err := digest.ParseChallenge(digest.Prefix + text)
		if err != nil || c.Nonce == "" {
			continue
		}
		for i, qop := range c.QOP {
			// The library leaves the blank of `qop="auth-int, auth"` in place.
			c.QOP[i] = strings.TrimSpace(qop)
		}
		if digest.CanDigest(c) {
			return c
		}
	}
	return nil
}
