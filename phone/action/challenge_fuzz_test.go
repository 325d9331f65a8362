package action_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// FuzzChallenge holds that a phone that refuses each login, with whatever challenges, is sent two
// requests for a command at most; that none of them carries more than one login, or another target; and
// that nothing goes out in Basic once it asked for Digest.
func FuzzChallenge(f *testing.F) {
	const usual = `Digest realm="r", nonce="n", qop="auth"`
	for _, seed := range [][2]string{
		{`Basic realm="x"`, usual},
		{usual, usual},
		{usual + ", Basic", `Basic realm="a, b", ` + usual},
		{`Digest realm="\"", nonce="a\r\nX: y", opaque=",", algorithm=SHA-256, userhash=true`, ""},
		{`Digest realm="r", nonce="n", qop="auth-int, auth", stale=true, charset=UTF-8, domain="http://other/"`, "Digest"},
		{"digest nonce=\"\x80\",,=,realm=", "Negotiate abc"},
		{`Digest realm="` + strings.Repeat("r", 9000) + `", nonce="n"`, ""},
	} {
		f.Add(seed[0], seed[1])
	}
	const password = "s3cret,\" 9"
	f.Fuzz(func(t *testing.T, one, two string) {
		synctest.Test(t, func(t *testing.T) {
			asked := false
			p, client := newPiped(0, func(r *http.Request) string {
				logins := r.Header["Authorization"]
				scheme := ""
				if len(logins) > 0 {
					scheme, _, _ = strings.Cut(logins[0], " ")
				}
				size := 0
				for name, values := range r.Header {
					size += len(name) + len(fmt.Sprint(values))
				}
				plain := fmt.Sprint(r.URL, r.Header)
				switch {
				case len(logins) > 1 || scheme != "" && scheme != "Basic" && scheme != "Digest":
					t.Errorf("%q %q: logged in with %q", one, two, logins)
				case asked && scheme == "Basic":
					t.Errorf("%q %q: Basic after Digest was asked for", one, two)
				case r.RequestURI != "/Phone_ActionURL&Command=2" || len(r.Header) > 3 || size > 5*(len(one)+len(two))+2000:
					t.Errorf("%q %q: asked %q with %d bytes of %v", one, two, r.RequestURI, size, r.Header)
				case strings.Contains(plain, password) || strings.Contains(plain, url.QueryEscape(password)):
					t.Errorf("%q %q: the password is in %s", one, two, plain)
				}
				answer := "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
				for _, challenge := range []string{one, two} {
					// What ends a line would end the header: that is FuzzAnswer's.
					challenge = strings.NewReplacer("\r", "", "\n", "").Replace(challenge)
					answer += "WWW-Authenticate: " + challenge + "\r\n"
					asked = asked || strings.HasPrefix(strings.ToLower(challenge), "digest ")
				}
				return answer + "\r\n"
			})
			login := action.Login{Username: "me", Password: secret.New(password)}
			for n := 1; n <= 2; n++ {
				_, err := client.Do(t.Context(), address(t, "phone"), login, "Command=2")
				if !errors.Is(err, action.ErrLogin) && !errors.Is(err, action.ErrHTTP) {
					t.Errorf("%q %q: error %v", one, two, err)
				}
				if err != nil && (strings.Contains(err.Error(), password) || strings.ContainsAny(err.Error(), "\r\n")) {
					t.Errorf("%q %q: error %q", one, two, err)
				}
				if len(p.requests()) > 2*n {
					t.Fatalf("%q %q: %d requests", one, two, len(p.requests()))
				}
				// Of an answer that is no HTTP nothing is understood.
				asked = asked && errors.Is(err, action.ErrLogin)
				if asked && !client.AsksDigest() {
					t.Errorf("%q %q: it asked for Digest, and that is not remembered", one, two)
				}
			}
		})
	})
}
