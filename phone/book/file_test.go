package book

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

var update = flag.Bool("update", false, "write the golden files")

// plainLogin compares logins by what they hold, and shows it.
var plainLogin = cmp.Transformer("plain", func(l action.Login) [2]string { return [2]string{l.Username, l.Password.Reveal()} })

func TestParseFile(t *testing.T) {
	const name = "testdata/phones.yaml"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	authorities, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseFile(name, text, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want := []Listing{
		{
			MAC: "001fc11a8b6c", Source: name, Host: "192.168.0.157", Name: "Kitchen", Area: "Ground floor",
			Login: action.Login{Username: "user", Password: secret.New("#1, p:w")}, Charset: "windows-1252", Strict: true, Ring: true,
		},
		{
			MAC: "001122334455", Source: name, Host: "https://office.lan",
			Login: action.Login{Password: secret.New("Büro 1")}, Authorities: string(authorities),
		},
		{MAC: "001122334456", Source: name, Host: "https://[fd00::8]", Login: action.Login{Password: secret.New("0123")}, Insecure: true},
		{MAC: "001122334457", Source: name, Login: action.Login{Password: secret.New("yes")}},
		{MAC: "001122334458", Source: name, Host: "192.168.0.157:8080", Login: action.Login{Password: secret.New("yes")}},
	}
	if diff := cmp.Diff(want, got, plainLogin); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := ParseFile(name, text, os.ReadFile)
	if err != nil || again[1] != got[1] {
		t.Errorf("what says the same is not equal: %v, %v", again, err)
	}
}

func TestNoPhones(t *testing.T) {
	for _, text := range []string{"", "\n", "# later\n", "---\n", "{}", "phones:\n", "phones: []\n", "phones: ~\n", "\ufeffphones:\r\n"} {
		if got, err := ParseFile("phones.yaml", []byte(text), nil); len(got) != 0 || err != nil {
			t.Errorf("%q: got %v, %v, want no phone", text, got, err)
		}
	}
}

// Files are named relative to the phones file, and each is read once.
func TestNamedFiles(t *testing.T) {
	const text = `phones:
  - {mac: 001122334451, password_file: one.txt}
  - {mac: 001122334452, password_file: ../two.txt}
  - {mac: 001122334453, password_file: /run/secrets/three}
  - {mac: 001122334454, password_file: ./one.txt}
`
	reads := make(map[string]int)
	listings, err := ParseFile("etc/phones/phones.yaml", []byte(text), func(path string) ([]byte, error) {
		reads[filepath.ToSlash(path)]++
		return []byte("in " + filepath.ToSlash(path) + "\r\n"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"etc/phones/one.txt": 1, "etc/two.txt": 1, "/run/secrets/three": 1}, reads); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
	if got := listings[3].Login.Password.Reveal(); got != "in etc/phones/one.txt" {
		t.Errorf("got password %q", got)
	}
}

// hidden marks what must never be printed.
const hidden = "S3CRET"

// mistakes are files that people write. What they are told is in testdata/mistakes.golden, word by word.
var mistakes = []struct{ name, text string }{
	{"tab before a key", "phones:\n  - mac: 001122334455\n\thost: 10.0.0.1\n"},
	{"tab before the list", "phones:\n\t- mac: 001122334455\n"},
	{"second colon", "phones:\n  - mac: 001122334455\n    password: " + hidden + ": x\n"},
	{"no blank after the colon", "phones:\n  - mac:001122334455\n    host: 10.0.0.1\n"},
	{"no blank after the colon of a password", "phones:\n  - mac: 001122334455\n    password:" + hidden + "\n"},
	{"no blank after the colon, in brackets", "phones:\n  - {mac: 001122334455, password:" + hidden + "}\n"},
	{"comma in a password, in brackets", "phones:\n  - {mac: 001122334455, password: a," + hidden + "}\n"},
	{"keys not below each other", "phones:\n  - mac: 001122334455\n  host: 10.0.0.1\n  - mac: 001122334456\n"},
	{"keys not below each other, in between", "phones:\n  - mac: 001122334455\n   host: 10.0.0.1\n"},
	{"indented too far", "phones:\n  - mac: 001122334455\n  - mac: 001122334456\n      host: 10.0.0.1\n"},
	{"a word alone", "phones:\n  - mac: 001122334455\n  host\n"},
	{"a word at the end", "phones:\n  - mac: 001122334455\nhost\n"},
	{"quote not closed", "phones:\n  - mac: 001122334455\n    password: '" + hidden + "\n"},
	{"bracket not closed", "phones:\n  - {mac: 001122334455, password: " + hidden + "\n"},
	{"list not closed", "phones: [\n"},
	{"password with @", "phones:\n  - mac: 001122334455\n    password: @" + hidden + "\n"},
	{"password with *", "phones:\n  - mac: 001122334455\n    password: *" + hidden + "\n"},
	{"password with %", "phones:\n  - mac: 001122334455\n    password: %" + hidden + "\n"},
	{"password with #", "phones:\n  - mac: 001122334455\n    password: #" + hidden + "\n"},
	{"password with !", "phones:\n  - mac: 001122334455\n    password: !" + hidden + " x\n"},
	{"password with {", "phones:\n  - mac: 001122334455\n    password: {" + hidden + "\n"},
	{"password with [", "phones:\n  - mac: 001122334455\n    password: [" + hidden + "]\n"},
	{"password with &", "phones:\n  - mac: 001122334455\n    password: &" + hidden + "\n"},
	{"password with a backslash", "phones:\n  - mac: 001122334455\n    password: \"" + hidden + "\\q\"\n"},
	{"password that is empty", "phones:\n  - mac: 001122334455\n    password: ''\n"},
	{"control character", "phones:\n  - mac: 001122334455\n    name: a\x01b\n"},
	{"Latin-1", "phones:\n  - mac: 001122334455\n    name: B\xfcro\n"},

	{"list without phones", "- mac: 001122334455\n"},
	{"one phone without a list", "phones:\n  mac: 001122334455\n"},
	{"text instead of a list", "phones: 001122334455\n"},
	{"another key at the top", "phone:\n  - mac: 001122334455\n"},
	{"settings at the top", "phones: []\npassword: " + hidden + "\n"},
	{"phones twice", "phones: []\nphones: []\n"},
	{"a text", hidden + "\n"},
	{"two documents", "phones: []\n---\nphones: []\n"},
	{"second document broken", "phones: []\n---\n\tphones: []\n"},
	{"list of texts", "phones:\n  - 001122334455@10.0.0.1\n"},
	{"empty entry", "phones:\n  -\n"},

	{"no mac", "phones:\n  - host: 10.0.0.1\n    name: Kitchen\n"},
	{"mac without value", "phones:\n  - mac:\n    host: 10.0.0.1\n"},
	{"mac too short", "phones:\n  - mac: 0011223344\n"},
	{"mac in base 60", "phones:\n  - mac: 0:11:22:33:44:55\n"},
	{"unknown key", "phones:\n  - mac: 001122334455\n    pasword: " + hidden + "\n"},
	{"unknown key, in capitals", "phones:\n  - MAC: 001122334455\n"},
	{"key of another program", "phones:\n  - mac: 001122334455\n    ip: 10.0.0.1\n"},
	{"merge key", "phones:\n  - &a {mac: 001122334455}\n  - {<<: *a, mac: 001122334456}\n"},
	{"key twice", "phones:\n  - mac: 001122334455\n    host: 10.0.0.1\n    host: 10.0.0.2\n"},
	{"mac twice", "phones:\n  - mac: 001122334455\n  - host: 10.0.0.1\n    mac: 00:11:22:33:44:55\n"},
	{"host twice", "phones:\n  - mac: 001122334455\n    host: 10.0.0.1\n  - mac: 001122334456\n    host: 10.0.0.1:80\n"},
	{"host twice, encrypted", "phones:\n  - mac: 001122334455\n    host: https://10.0.0.1\n  - mac: 001122334456\n    host: 10.0.0.1\n"},
	{"host with login", "phones:\n  - mac: 001122334455\n    host: admin:" + hidden + "@10.0.0.1\n"},
	{"host with path", "phones:\n  - mac: 001122334455\n    host: http://10.0.0.1/" + hidden + "\n"},
	{"host on port 0", "phones:\n  - mac: 001122334455\n    host: 10.0.0.1:0\n"},
	{"host in brackets", "phones:\n  - mac: 001122334455\n    host: [fd00::7]:8080\n"},
	{"host in brackets alone", "phones:\n  - mac: 001122334455\n    host: [fd00::7]\n"},
	{"name too long", "phones:\n  - mac: 001122334455\n    name: " + strings.Repeat("ü", LongestName+1) + "\n"},
	{"name that is a list", "phones:\n  - mac: 001122334455\n    name: [Kitchen]\n"},
	{"colon in a name on HTTP", "phones:\n  - mac: 001122334455\n    username: admin:" + hidden + "\n"},
	{"unknown charset", "phones:\n  - mac: 001122334455\n    charset: klingon\n"},
	{"neither true nor false", "phones:\n  - mac: 001122334455\n    ring: yes\n"},
	{"password and file", "phones:\n  - mac: 001122334455\n    password_file: office.txt\n    password: " + hidden + "\n"},
	{"no such password file", "phones:\n  - mac: 001122334455\n    password_file: none.txt\n"},
	{"empty password file", "phones:\n  - mac: 001122334455\n    password_file: empty.txt\n"},
	{"no such ca_file", "phones:\n  - mac: 001122334455\n    host: https://10.0.0.1\n    ca_file: none.pem\n"},
	{"ca_file without certificates", "phones:\n  - mac: 001122334455\n    host: https://10.0.0.1\n    ca_file: words.txt\n"},
	{"ca_file in the clear", "phones:\n  - mac: 001122334455\n    host: 10.0.0.1\n    ca_file: ca.pem\n"},
	{"insecure in the clear", "phones:\n  - mac: 001122334455\n    insecure: true\n    host: 10.0.0.1\n"},
	{"insecure with ca_file", "phones:\n  - mac: 001122334455\n    host: https://10.0.0.1\n    ca_file: ca.pem\n    insecure: true\n"},
	{"strict without host", "phones:\n  - mac: 001122334455\n    strict: true\n"},
	{"strict with a name", "phones:\n  - mac: 001122334455\n    host: phone.lan\n    strict: true\n"},
}

func TestMistakes(t *testing.T) {
	var got bytes.Buffer
	for _, m := range mistakes {
		_, err := ParseFile("testdata/phones.yaml", []byte(m.text), os.ReadFile)
		if err == nil {
			t.Errorf("%s: accepted", m.name)
			continue
		}
		checkLine(t, m.text, err)
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v: the secret is told", m.name, err)
		}
		fmt.Fprintf(&got, "# %s\n%s\n", m.name, err)
	}
	path := filepath.Join("testdata", "mistakes.golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// oneLine is the form of every error.
var oneLine = regexp.MustCompile(`^testdata/phones\.yaml:([0-9]+): [^\n]+$`)

func checkLine(t *testing.T, text string, err error) {
	t.Helper()
	match := oneLine.FindStringSubmatch(err.Error())
	if match == nil {
		t.Errorf("%q: %q is not one line with the place", text, err)
		return
	}
	var line int
	_, _ = fmt.Sscan(match[1], &line)
	// YAML 1.1, 5.4: five characters end a line.
	if ends := len(regexp.MustCompile("[\n\r\u0085\u2028\u2029]").FindAllString(text, -1)); line < 1 || line > 1+ends {
		t.Errorf("%q: there is no line %d", text, line)
	}
}

// A mistake far down in a large file is told at its place, and soon.
func TestMistakeFarDown(t *testing.T) {
	var text strings.Builder
	text.WriteString("phones:\n")
	for i := range 1_000 {
		fmt.Fprintf(&text, "  - mac: %012x\n    host: 10.%d.%d.1\n", i, i/250, i%250)
	}
	text.WriteString("   - mac: ffffffffffff\n")
	_, err := ParseFile("testdata/phones.yaml", []byte(text.String()), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "testdata/phones.yaml:2002: ") {
		t.Errorf("got %v, want line 2002", err)
	}
}

func FuzzParseFile(f *testing.F) {
	for _, m := range mistakes {
		f.Add(m.text)
	}
	if text, err := os.ReadFile("testdata/phones.yaml"); err == nil {
		f.Add(string(text))
	}
	f.Add("phones: &a [*a]\n")
	f.Add("phones:\n- &a {mac: *a}\n")
	f.Add("? [x]\n: y\n")
	f.Fuzz(func(t *testing.T, text string) {
		listings, err := ParseFile("testdata/phones.yaml", []byte(text), func(string) ([]byte, error) { return nil, errors.New("not read") })
		if err != nil {
			checkLine(t, text, err)
			return
		}
		hosts := make(map[string]bool)
		macs := make(map[phone.MAC]bool)
		for _, l := range listings {
			if mac, err := phone.ParseMAC(string(l.MAC)); err != nil || mac != l.MAC || macs[l.MAC] {
				t.Errorf("%q: MAC %q", text, l.MAC)
			}
			macs[l.MAC] = true
			if l.Host == "" {
				continue
			}
			if host, err := ParseHost(l.Host); err != nil || host != l.Host || hosts[l.Bare()] {
				t.Errorf("%q: host %q: %q, %v", text, l.Host, host, err)
			}
			hosts[l.Bare()] = true
		}
		New().List(listings)
	})
}
