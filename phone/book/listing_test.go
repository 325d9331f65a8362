package book

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

func TestParseHost(t *testing.T) {
	for text, want := range map[string]string{
		"192.168.0.157":         "192.168.0.157",
		"192.168.0.157:80":      "192.168.0.157",
		"http://Phone.lan:80/":  "phone.lan",
		"phone.lan:8080":        "phone.lan:8080",
		"HTTPS://Phone.lan":     "https://phone.lan",
		"https://phone.lan:443": "https://phone.lan",
		"https://phone.lan:80":  "https://phone.lan:80",
		"FD00:0::7":             "fd00::7",
		"[fd00::7]:80":          "fd00::7",
		"fd00::7:80":            "fd00::7:80",
		"[fd00::7]:8080":        "[fd00::7]:8080",
		"https://[fd00::8]":     "https://[fd00::8]",
	} {
		if got, err := ParseHost(text); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	if got, err := ParseHost("admin:secret@10.0.0.1"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a login: got %q, %v, want an error without it", got, err)
	}
}

func TestBare(t *testing.T) {
	for host, want := range map[string]string{
		"":                      "",
		"10.0.0.1":              "10.0.0.1",
		"10.0.0.1:8080":         "10.0.0.1:8080",
		"10.0.0.1:80":           "10.0.0.1",
		"http://Phone.lan":      "phone.lan",
		"https://10.0.0.1:443":  "10.0.0.1",
		"https://10.0.0.1:8443": "10.0.0.1:8443",
		"https://[fd00::7]":     "fd00::7",
		"fd00::7:80":            "fd00::7:80",
	} {
		if got := (Listing{Host: host}).Bare(); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	if got := (Listing{}).TLS(); got != nil {
		t.Errorf("nothing said: got %v, want nil", got)
	}
	if got := (Listing{Insecure: true}).TLS(); got == nil || !got.InsecureSkipVerify {
		t.Errorf("insecure: got %v", got)
	}
	if got := (Listing{Authorities: "of the user"}).TLS(); got == nil || got.RootCAs == nil || got.InsecureSkipVerify {
		t.Errorf("own authorities: got %v", got)
	}
}

// A listing may end up in any log by accident.
func TestPasswordIsNeverPrinted(t *testing.T) {
	l := Listing{MAC: kitchen, Login: action.Login{Username: "admin", Password: secret.New("S3CRET")}}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{
		string(text), fmt.Sprint(l), fmt.Sprintf("%v %+v %#v", l, l, l), fmt.Sprintf("%+v %#v", &l, []Listing{l}),
	} {
		if strings.Contains(printed, "S3CRET") {
			t.Errorf("the password is in %s", printed)
		}
	}
}
