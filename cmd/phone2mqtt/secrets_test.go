package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/gate"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// The secrets of the run: each another, with what every encoding writes differently where that is allowed.
const (
	urlSecret    = `url&S3cret "1/é+%`
	brokerSecret = `broker&S3cret "2/é+%`
	phoneSecret  = `phone&S3cret "3/é+%`
	ownSecret    = `own&S3cret "4/é+%`
	fileSecret   = `file&S3cret "5/é+%`
	printedToken = "first-tokenS3cret_6"
	olderToken   = "second-tokenS3cret_7"
)

// forms are the ways in which a secret could be written.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(secret)
	all := []string{
		secret, strings.Trim(string(quoted), `"`), strings.Trim(plain.String(), "\"\n"), strings.Trim(fmt.Sprintf("%+q", secret), `"`),
		url.QueryEscape(secret), url.PathEscape(secret), strings.TrimPrefix(url.UserPassword("", secret).String(), ":"),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"),
	}
	// Base64 of a text that it stands in, as after a user name, is another at each of three places.
	for before := range 3 {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := encoding.EncodeToString([]byte(strings.Repeat(" ", before) + secret))
			all = append(all, text[(before*8+5)/6:len(text)-4])
		}
	}
	return all
}

// evidence is all that came out of a run, by where it did.
type evidence map[string][]byte

func (e evidence) add(where string, text []byte) { e[where] = append(append(e[where], text...), '\n') }

// folder adds all files below a folder, and holds that nobody else may read them.
func (e evidence) folder(t *testing.T, dir string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the permissions %v", path, info.Mode())
		}
		if entry.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		e.add(path, []byte(path))
		e.add(path, text)
		return err
	}); err != nil {
		t.Error(err)
	}
}

// check looks for the secrets everywhere.
func (e evidence) check(t *testing.T, secrets ...string) {
	t.Helper()
	for where, text := range e {
		for _, secret := range secrets {
			for _, form := range forms(secret) {
				if i := bytes.Index(text, []byte(form)); i >= 0 {
					t.Errorf("%s tells %q as %q: …%q", where, secret, form, text[max(0, i-100):min(len(text), i+len(form)+20)])
				}
			}
		}
	}
}

// runProgram runs a command of the program to its end, and adds what it said.
func (e evidence) runProgram(t *testing.T, args []string, settings ...string) (stdout []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	process := exec.CommandContext(ctx, os.Args[0], args...)
	process.Env = []string{asProgram + "=1", "GORACE=" + os.Getenv("GORACE")}
	for _, s := range settings {
		process.Env = append(process.Env, prefix+"_"+s)
	}
	var stderr bytes.Buffer
	process.Stderr = &stderr
	stdout, _ = process.Output() // most of them end with an error
	if stderr.Len()+len(stdout) == 0 {
		t.Errorf("%q %q said nothing", args, settings)
	}
	e.add(fmt.Sprint("stderr of ", args), stderr.Bytes())
	return stdout
}

// stranger is a broker that is none: it takes connections, over TLS where it has a certificate, and
// answers what it is sent.
func stranger(t *testing.T, secure *tls.Config, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Second))
				got := make([]byte, 4096)
				n, err := c.Read(got)
				if err == nil {
					_, _ = io.WriteString(c, strings.ReplaceAll(answer, "ECHO", string(got[:n])))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestSecretsBeforeAStart forces every complaint about settings that hold secrets.
func TestSecretsBeforeAStart(t *testing.T) {
	t.Parallel()
	e := evidence{}
	dir := t.TempDir()
	phones := filepath.Join(dir, "phones.yaml")
	user := url.UserPassword("bridge", urlSecret).String()
	for _, text := range []string{"password: " + ownSecret, "password:" + ownSecret, "password: !" + ownSecret, "pass: '" + ownSecret, `password: "` + ownSecret + `\q"`, "password_file: '" + ownSecret + "'", "ca_file: '" + ownSecret + "'", "host: admin:" + ownSecret + "@10.0.0.1", ownSecret + ": x"} {
		if err := os.WriteFile(phones, []byte("phones:\n  - mac: 001fc11a8b6c\n    "+text+"\n    ring: perhaps\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		e.runProgram(t, nil, "PHONES_FILE="+phones, "BROKER_ADDR="+freeAddr(t), "HTTP_ADDR=127.0.0.1:0", "DATA_DIR=none")
	}
	for _, settings := range [][]string{
		{"MQTT_URL=mqtt://" + user + "@broker:0"}, {"MQTT_URL=http://" + user + "@broker"}, {"MQTT_URL=mqtt://" + user + "@broker:x"},
		{"MQTT_URL=mqtt://bridge:" + urlSecret + "@broker"}, {"MQTT_URL=mqtt://:" + url.QueryEscape(urlSecret) + "@broker"}, {"MQTT_URL=mqtt://" + user + "@broker/?x=" + urlSecret},
		{"MQTT_PASSWORD=" + brokerSecret}, {"MQTT_PASS=" + brokerSecret}, {"MQTT_PASSWORD_FILE=" + dir}, {"HTTP_TOKEN_FILE=" + printedToken}, {"PHONE_PASSWORD_FILE=" + phoneSecret}, {"PHONE_PASSWORT=" + phoneSecret},
		{"HTTP_TOKEN=" + printedToken + "," + olderToken + "!"}, {"HTTP_TOKEN=" + printedToken + ",short"}, {"HTTP_TOKEN=" + strings.Repeat(printedToken, 9)},
		{"HTTP_URL=http://bridge:" + url.QueryEscape(urlSecret) + "@10.0.0.1"}, {"HTTP_URL=http://10.0.0.1/?" + printedToken},
		{"PHONES=001fc11a8b6c@admin:" + ownSecret + "@10.0.0.1"}, {"PHONE_USERNAME=admin:" + phoneSecret},
	} {
		e.runProgram(t, nil, append(settings, "BROKER_ADDR="+freeAddr(t), "HTTP_ADDR=no address")...)
	}
	good := []string{"MQTT_URL=mqtt://" + user + "@broker", "HTTP_TOKEN=" + printedToken + "," + olderToken, "PHONE_PASSWORD=" + phoneSecret, "HTTP_ADDR=" + freeAddr(t)}
	for _, args := range [][]string{{"-h"}, {"version"}, {"healthcheck"}, {"what"}, {"replay", dir}} {
		e.add("stdout", e.runProgram(t, args, good...))
	}
	// The first token is printed, which is what it is for; nothing else is.
	printed := e.runProgram(t, []string{"urls", "--xml"}, good...)
	if !bytes.Contains(printed, []byte(printedToken)) {
		t.Errorf("the URLs have no token: %s", printed)
	}
	e.add("urls", bytes.ReplaceAll(printed, []byte(printedToken), nil))
	e.check(t, urlSecret, brokerSecret, phoneSecret, ownSecret, printedToken, olderToken)
}

// TestSecretsTowardsBrokers has brokers refuse the login, repeat it, and fail at TLS.
func TestSecretsTowardsBrokers(t *testing.T) {
	t.Parallel()
	e := evidence{}
	certFile, keyFile := certificate(t)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{Certificates: []tls.Certificate{cert}}
	for name, test := range map[string]struct {
		url  string
		want string // in the log
	}{
		"login refused":       {"mqtt://" + stranger(t, nil, "\x20\x02\x00\x05"), "uthori"},
		"password refused":    {"mqtt://" + stranger(t, nil, "\x20\x02\x00\x04"), "password"},
		"repeats what it got": {"mqtt://" + stranger(t, nil, "ECHO"), "connect"},
		"speaks HTTP":         {"mqtt://" + stranger(t, nil, "HTTP/1.1 400 ECHO\r\n\r\nECHO"), "connect"},
		"web socket refused":  {"ws://" + stranger(t, nil, "HTTP/1.1 401 ECHO\r\n\r\nECHO"), "connect"},
		"unknown authority":   {"mqtts://" + stranger(t, secure, ""), "certificate"},
		"no TLS":              {"mqtts://" + stranger(t, nil, "ECHO"), "tls"},
		"TLS, not expected":   {"mqtt://" + stranger(t, secure, ""), "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			intake := freeAddr(t)
			scheme, host, _ := strings.Cut(test.url, "://")
			p := startProgram(t, "MQTT_URL="+scheme+"://"+url.UserPassword("bridge", urlSecret).String()+"@"+host,
				"HTTP_ADDR="+intake, "DATA_DIR=none", "LOG_LEVEL=debug").live(t, intake)
			eventually(t, "its log holds "+test.want, func() bool { return p.log.count(test.want) > 0 })
			_, body := p.ask(t, "GET /readyz HTTP/1.1\r\n\r\n")
			e.add("readyz", []byte(body))
			_, body = p.ask(t, "GET /metrics HTTP/1.1\r\n\r\n")
			e.add("metrics", []byte(body))
			p.kill()
			e.add(name, []byte(p.log.String()))
		})
	}
	e.check(t, urlSecret)
}

// TestSecretsOfARun runs the daemon with everything that it can log, record and publish, forces what can
// fail towards phones, at the intake and in files, ends it by a dump of all its goroutines, and looks
// for the secrets in all that came out, files included.
func TestSecretsOfARun(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "console"} {
		t.Run(format, func(t *testing.T) { secretsOfARun(t, format) })
	}
}

func secretsOfARun(t *testing.T, format string) {
	broker := startEmbedded(t, "")
	dir, intake := t.TempDir(), freeAddr(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	faults := []phonetest.Behaviour{
		{Auth: phonetest.Basic, Fault: phonetest.Refuse}, {Auth: phonetest.Digest, Fault: phonetest.Refuse}, {Auth: phonetest.Digest, FreshNonce: true},
		{Auth: phonetest.DigestWithoutQOP, First401: true}, {Fault: phonetest.Echo}, {Fault: phonetest.Redirect}, {Fault: phonetest.Garbage}, {Fault: phonetest.Reset},
		{Fault: phonetest.EndlessHeaders}, {Fault: phonetest.Hang}, {Fault: phonetest.Forbid}, {Fault: phonetest.NotFound}, {Auth: phonetest.Open},
	}
	quote := func(text string) string { return "'" + text + "'" }
	listing := "phones:\n"
	var desks []*phonetest.Phone
	for i, behaviour := range faults {
		p := startPhone(t, phonetest.Options{MAC: macs(len(faults))[i], Password: []string{phoneSecret, ownSecret, fileSecret}[i%3], Behaviour: behaviour})
		desks = append(desks, p)
		listing += fmt.Sprintf("  - mac: %s\n    host: %q\n", p.MAC(), p.Addr())
		listing += []string{"", "    password: " + quote(ownSecret) + "\n", "    password_file: own\n"}[i%3]
	}
	write("own", fileSecret+"\n")
	phones := write("phones.yaml", listing)
	settings := []string{
		"MQTT_URL=mqtt://" + url.UserPassword("bridge", urlSecret).String() + "@" + broker.addr, "MQTT_PASSWORD_FILE=" + write("broker", brokerSecret+"\n"), "MQTT_CLIENT_ID=house",
		"HTTP_ADDR=" + intake, "HTTP_TOKEN=" + printedToken + "," + olderToken, "HTTP_RATE=0", "PHONE_PASSWORD=" + phoneSecret, "PHONE_TIMEOUT=1s", "PHONES_FILE=" + phones,
		"DATA_DIR=" + path("data"), "RECORD_DIR=" + path("recordings"), "LOG_LEVEL=debug", "LOG_FORMAT=" + format, "PROBE_INTERVAL=200ms",
	}
	p := startProgram(t, settings...).live(t, intake)
	w := watch(t, broker.addr)
	w.ready(t)
	e := evidence{}

	// Towards phones: each command fails in its way, again and again until the login is no longer tried.
	for _, p := range desks {
		for n, command := range []string{"dial", "hangup", "dial"} {
			w.publish(t, "phone2mqtt/"+string(p.MAC())+"/set/"+command, map[bool]string{true: "206", false: "{}"}[command == "dial"], false)
			w.nth(t, string(p.MAC())+"/result", n+1)
		}
		if p.MAC() == desks[0].MAC() && len(p.Requests()) == 0 {
			t.Error("the first phone was asked nothing: does anything fail at all?")
		}
	}

	// At the intake: tokens in every place but their own, and in their own with everything else wrong.
	own := gate.PhoneToken(printedToken, vendor)
	for _, token := range []string{printedToken, olderToken, own, strings.ReplaceAll(printedToken, "S3", "%533")} {
		for _, request := range []string{
			"GET /TOKEN/off_hook?mac=" + vendor + " HTTP/1.1\r\n\r\n", "GET /off_hook/TOKEN/" + vendor + "?remote=206&display_remote=Bob HTTP/1.1\r\n\r\n",
			"GET /TOKEN/of_hook?mac=" + vendor + " HTTP/1.1\r\n\r\n", "GET /TOKEN/off_hook HTTP/1.1\r\n\r\n", "GET /TOKEN/TOKEN HTTP/1.1\r\n\r\n", "GET /TOKEN HTTP/1.1\r\n\r\n",
			"GET /TOKENx/off_hook?mac=" + vendor + " HTTP/1.1\r\n\r\n", "GET /off_hook?mac=" + vendor + "&token=TOKEN HTTP/1.1\r\n\r\n", "GET /off_hook?mac=TOKEN&ip=TOKEN HTTP/1.1\r\n\r\n",
			"GET /off_hook;TOKEN?mac=" + vendor + " HTTP/1.1\r\n\r\n", "GET /ui/TOKEN HTTP/1.1\r\n\r\n", "GET /metrics/TOKEN HTTP/1.1\r\n\r\n", "GET /readyz?TOKEN HTTP/1.1\r\n\r\n",
			"GET http://x:TOKEN@x/TOKEN/off_hook?mac=" + vendor + " HTTP/1.1\r\nHost: x\r\n\r\n", "PUT /TOKEN/off_hook?mac=" + vendor + " HTTP/1.1\r\n\r\n", "TOKEN /TOKEN TOKEN\r\n\r\n",
			"GET /TOKEN/off_hook?" + strings.Repeat("x", 9000) + " HTTP/1.1\r\n\r\n", "GET /off_hook HTTP/1.1\r\nAuthorization: Bearer TOKEN\r\nReferer: http://x/TOKEN\r\nHost: TOKEN\r\nTOKEN\r\n\r\n",
			"POST /off_hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nTOKEN", "GET /TOKEN/" + strings.Repeat("a/", 3000) + " HTTP/1.1\r\nX-Forwarded-For: TOKEN\r\n\r\n",
		} {
			request = strings.ReplaceAll(request, "TOKEN", token)
			_, body, err := ask(intake, request)
			if err != nil {
				t.Errorf("%.60q: %v", request, err)
			}
			e.add("answers", []byte(body))
		}
	}

	// By the broker: what is no request, and what is none for this phone.
	for _, payload := range []string{"{", "[]", `{"mac":"x"}`, `{"mac":"` + string(desks[1].MAC()) + `"}`, "\xff", `{"name":1}`, "{}"} {
		for _, op := range []string{"phone/remove", "phone/rename", "discovery/refresh", "health_check", "what"} {
			w.publish(t, "phone2mqtt/bridge/request/"+op, payload, false)
		}
	}

	// In files: a phones file that is not taken, for one reason after the other.
	for n, text := range []string{
		strings.Replace(listing, quote(ownSecret), "!"+ownSecret, 1), strings.Replace(listing, "password: "+quote(ownSecret), "password:"+ownSecret, 1),
		strings.Replace(listing, "password_file: own", "password_file: "+quote(fileSecret), 1), strings.Replace(listing, "password: "+quote(ownSecret), quote(ownSecret)+": x", 1), listing[:len(listing)-3] + "\t",
	} {
		write("phones.yaml", text)
		if err := p.process.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the phones file is refused", func() bool { return p.log.count("the phones file is not taken") > n })
	}
	if err := os.Remove(path("own")); err != nil {
		t.Fatal(err)
	}
	write("phones.yaml", listing)
	eventually(t, "the missing password is missed", func() bool { return p.log.count("expected a file that holds the password") > 0 })

	for _, page := range []string{"/metrics", "/readyz", "/healthz", "/", "/ui/", "/favicon.ico"} {
		_, body := p.ask(t, "GET "+page+" HTTP/1.1\r\nHost: x\r\n\r\n")
		e.add(page, []byte(body))
	}
	for _, line := range []string{"event refused", "the phones file is not taken", "SIGHUP"} {
		if p.log.count(line) == 0 {
			t.Errorf("nothing of %q in the log: did it fail?", line)
		}
	}
	if err := p.process.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if p.log.count("goroutine ") == 0 {
		t.Error("there is no dump")
	}
	e.add("log", []byte(p.log.String()))
	for _, m := range w.seen() {
		e.add("MQTT "+m.topic, []byte(m.payload))
	}
	e.folder(t, path("data"))
	e.folder(t, path("recordings"))
	if len(e) < 60 {
		t.Errorf("%d places looked at: where is the rest?", len(e))
	}
	checkEvents(t, e)
	e.check(t, urlSecret, brokerSecret, phoneSecret, ownSecret, fileSecret, printedToken, olderToken, own)
}

// checkEvents holds that the run did what it was to do: its events are recorded and published.
func checkEvents(t *testing.T, e evidence) {
	t.Helper()
	recorded := slices.ContainsFunc(slices.Collect(func(yield func(string) bool) {
		for where, text := range e {
			if strings.HasSuffix(where, ".jsonl") && len(text) > 0 && !yield(where) {
				return
			}
		}
	}), func(string) bool { return true })
	if !recorded {
		t.Error("nothing was recorded")
	}
	if _, told := e["MQTT phone2mqtt/"+vendor+"/event"]; !told {
		t.Error("no event was published")
	}
}

// TestSecretForms holds the search itself to what writes secrets.
func TestSecretForms(t *testing.T) {
	t.Parallel()
	request, err := http.NewRequest(http.MethodGet, "http://x/?"+url.Values{"p": {phoneSecret}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"", "a", "ad", "adm", "admin"} {
		request.SetBasicAuth(user, phoneSecret)
		var wire bytes.Buffer
		w := bufio.NewWriter(&wire)
		_ = request.Header.Write(w)
		_ = w.Flush()
		if !slices.ContainsFunc(forms(phoneSecret), func(form string) bool { return strings.Contains(wire.String(), form) }) {
			t.Errorf("Basic of %q is not found: %s", user, wire.String())
		}
	}
	quoted, _ := json.Marshal(map[string]string{"x": phoneSecret})
	for _, text := range []string{
		phoneSecret, request.URL.String(), string(quoted), fmt.Sprintf("%q", phoneSecret), fmt.Sprintf("%x", phoneSecret), fmt.Sprintf("%d", []byte("x"+phoneSecret)),
		(&url.URL{Scheme: "mqtt", Host: "x", User: url.UserPassword("a", phoneSecret)}).String(),
	} {
		if !slices.ContainsFunc(forms(phoneSecret), func(form string) bool { return strings.Contains(text, form) }) {
			t.Errorf("not found in %s", text)
		}
	}
}
