package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// A phone that is listed with an https host, and one that is listed without a host.
const (
	securedMAC  = "001fc1aa0501"
	hostlessMAC = "001fc1aa0502"
)

// passwords is who wants the login of the phones.
var passwords = subject{
	name:     "passwords",
	settings: []string{"REPEAT_WINDOW=0s"},
	plan: plan{prepare: func(w *world) error {
		secured, err := w.newDesk(securedMAC, w.address(7, 1)+":0")
		if err != nil {
			return err
		}
		path := filepath.Join(w.dir, "phones.yaml")
		w.settings = append(w.settings, "PHONES_FILE="+path)
		return os.WriteFile(path, fmt.Appendf(nil, "phones:\n  - {mac: %s, host: \"https://%s\"}\n  - {mac: %s}\n", securedMAC, secured.web.Addr(), hostlessMAC), 0o600)
	}},
	attacks: []attack{
		{"the configured password, as a phone that nobody listed", asLearned("001fc1aa0503")},
		{"the configured password, as a phone that is listed without a host", asLearned(hostlessMAC)},
		{"the configured password, at a listed https address without its certificate", withoutCertificate},
		{"the configured password, in what the program publishes and keeps", inStore},
		{"the broker's password, from a broker of his own in the log", inOutput},
	},
}

// asLearned is a phone at an address of the attacker's, which asks for every kind of login.
func asLearned(mac string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		last := mac[len(mac)-1]
		rogue, err := w.newDesk(mac, w.address(8, int(last))+":80")
		if err != nil {
			return verdict{}, err
		}
		if _, err := w.get(ctx, rogue.ip, w.event("registered", mac, "ip="+rogue.ip)); err != nil {
			return verdict{}, err
		}
		for _, challenge := range []string{`Basic realm="x"`, ""} {
			rogue.behave(func(c net.Conn, _ string) {
				if challenge == "" {
					obey(c, "")
					return
				}
				say(c, "HTTP/1.1 401 x\r\nWWW-Authenticate: "+challenge+"\r\nContent-Length: 0\r\n\r\n")
			})
			if _, err := w.order(ctx, rogue, "dial", "206"); err != nil {
				return verdict{}, err
			}
		}
		public := "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:admin"))
		got := rogue.authorizations(0)
		if i := slices.IndexFunc(got, func(login string) bool { return login != public }); i >= 0 || len(got) == 0 {
			return success("he got %q", got)
		}
		return refused("%d requests, all with the vendor's public admin/admin", len(got))
	}
}

// withoutCertificate has the listed https address answer with a certificate that nobody signed.
func withoutCertificate(ctx context.Context, w *world) (verdict, error) {
	i := slices.IndexFunc(w.desks, func(d *desk) bool { return d.mac == securedMAC })
	secured := w.desks[i]
	certificate, err := selfSigned(secured.ip)
	if err != nil {
		return verdict{}, err
	}
	_ = secured.web.Close()
	secured.serving.Wait()
	l, err := tls.Listen("tcp", secured.web.Addr().String(), &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return verdict{}, err
	}
	secured.web = l
	secured.serving.Go(secured.serve)
	r, err := w.order(ctx, secured, "dial", "206")
	if err != nil || r.Status != "error" || r.Sent > 0 || len(secured.got(0)) > 0 {
		return success("%+v, it got %q (%v)", r, secured.got(0), err)
	}
	return refused("%s: %s", r.Code, r.Error)
}

func selfSigned(ip string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(ip)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// inStore looks into the files that the daemon wrote, and how they can be read. Messages and log are
// looked through after each attack.
func inStore(_ context.Context, w *world) (verdict, error) {
	count := 0
	err := filepath.WalkDir(filepath.Join(w.dir, "store"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		count++
		if secret := leak(string(text)); secret != "" {
			return fmt.Errorf("%s holds %s", entry.Name(), secret)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s may be read by others: %s", entry.Name(), info.Mode())
		}
		return nil
	})
	if err != nil || count == 0 {
		return success("%d files: %v", count, err)
	}
	return refused("%d files, for the user alone, and no secret in them", count)
}

// inOutput starts the program with mistakes that sit next to secrets.
func inOutput(ctx context.Context, w *world) (verdict, error) {
	count := 0
	for _, settings := range [][]string{
		{"MQTT_URL=mqtt://root:" + brokerSecret + "@127.0.0.1:bad"}, {"MQTT_URL=http://root:" + brokerSecret + "@127.0.0.1"}, {"MQTT_URL=" + brokerSecret}, {"HTTP_TOKEN=" + firstToken + "!"}, {"HTTP_TOKEN=" + firstToken + "," + secondToken + ", "},
		{"HTTP_TOKEN=001fc11a8b6c," + firstToken}, {"PHONES=root:" + phoneSecret + "@127.0.0.1"}, {"PHONES=001fc11a8b6c@root:" + phoneSecret + "@127.0.0.1"}, {"MQTT_PASSWORD_FILE=" + filepath.Join(w.dir, "absent")}, {"PHONE_PASSWORT=" + phoneSecret},
		{"HTTP_URL=http://x:" + phoneSecret + "@x/"}, {"MQTT_CA_FILE=" + w.log.file},
	} {
		text, code := w.run(ctx, append([]string{"MQTT_PASSWORD=" + brokerSecret, "PHONE_PASSWORD=" + phoneSecret}, settings...))
		if code != 2 || strings.Count(text, "\n") != 0 {
			return success("%q: exit %d, %q", settings[0][:12], code, text)
		}
		if secret := leak(text); secret != "" {
			return success("%q: it says %q", settings[0][:12], text)
		}
		count++
	}
	return refused("%d mistakes: exit 2 and one line without it", count)
}

// run runs the program to its end, which a mistake in its settings brings at once.
func (w *world) run(ctx context.Context, settings []string, args ...string) (text string, code int) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var env []string
	for _, s := range settings {
		env = append(env, "PHONE2MQTT_"+s)
	}
	p, err := stand.Start(ctx, "the program", w.program, args, env)
	if err != nil {
		return err.Error(), -1
	}
	<-p.Ended()
	return p.Output(), p.ExitCode()
}
