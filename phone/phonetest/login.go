package phonetest

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const realm = "IP Phone"

// loginState is what a web server remembers between requests.
type loginState struct {
	refusedFirst bool
	nonce        string
	count        uint64 // the last nonce count seen
}

// admit judges a request's login. It gives the header that refuses it, or admitted.
func (p *Phone) admit(target, authorization string) (challenge string, admitted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.behaviour
	ok := b.Auth == Open || b.Auth == Basic && p.basic(authorization) ||
		(b.Auth == Digest || b.Auth == DigestWithoutQOP) && p.digest(target, authorization)
	if b.First401 {
		p.login.refusedFirst = !p.login.refusedFirst
		ok = ok && !p.login.refusedFirst
	}
	if ok && !b.FreshNonce {
		return "", true
	}
	if p.login.nonce == "" || b.FreshNonce {
		p.login.nonce, p.login.count = rand.Text(), 0
	}
	return p.challenge(), ok
}

func (p *Phone) challenge() string {
	switch p.behaviour.Auth {
	case Digest:
		return fmt.Sprintf(`Digest realm=%q, qop="auth", nonce=%q, algorithm=MD5`, realm, p.login.nonce)
	case DigestWithoutQOP:
		return fmt.Sprintf(`Digest realm=%q, nonce=%q`, realm, p.login.nonce)
	}
	return fmt.Sprintf(`Basic realm=%q`, realm)
}

func (p *Phone) basic(authorization string) bool {
	want := base64.StdEncoding.EncodeToString([]byte(p.opt.Username + ":" + p.opt.Password))
	return authorization == "Basic "+want
}

var parameter = regexp.MustCompile(`([a-z]+)=(?:"([^"]*)"|([^", ]+))`)

// digest checks a Digest login as RFC 7616, section 3.4 describes it, by itself: a witness must not
// share the client's library.
func (p *Phone) digest(target, authorization string) bool {
	if p.login.nonce == "" || !strings.HasPrefix(authorization, "Digest ") {
		return false
	}
	said := make(map[string]string)
	for _, m := range parameter.FindAllStringSubmatch(authorization, -1) {
		said[m[1]] = m[2] + m[3]
	}
	if said["username"] != p.opt.Username || said["realm"] != realm || said["nonce"] != p.login.nonce || said["uri"] != target {
		return false
	}
	a1 := sum(p.opt.Username, realm, p.opt.Password)
	a2 := sum("GET", target)
	if p.behaviour.Auth == DigestWithoutQOP {
		return said["response"] == sum(a1, p.login.nonce, a2)
	}
	count, err := strconv.ParseUint(said["nc"], 16, 32)
	if err != nil || count <= p.login.count || said["qop"] != "auth" {
		return false
	}
	p.login.count = count
	return said["response"] == sum(a1, p.login.nonce, said["nc"], said["cnonce"], "auth", a2)
}

func sum(parts ...string) string {
	digest := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(digest[:])
}
