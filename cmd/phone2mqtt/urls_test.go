package main

import (
	"encoding/xml"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/bridge/gate"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// runURLs runs `phone2mqtt urls` in an environment of these settings.
func runURLs(t *testing.T, settings map[string]string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	environment(t, settings)
	var out, errs strings.Builder
	err = urls(args, &out, &errs)
	return out.String(), errs.String(), err
}

// printed are the URLs of a plain listing, by the label before them.
func printed(t *testing.T, listing string) map[string]string {
	t.Helper()
	byLabel := make(map[string]string)
	for line := range strings.Lines(listing) {
		label, address, ok := strings.Cut(strings.TrimSpace(line), "http")
		if !ok {
			t.Fatalf("line %q holds no URL", line)
		}
		byLabel[strings.TrimSpace(label)] = "http" + address
	}
	return byLabel
}

// TestURLsComeBack feeds each printed URL, with its variables filled in as a phone does, to the reader
// of the intake: that event of that phone comes out.
func TestURLsComeBack(t *testing.T) {
	const token = "0123456789abcdef_token"
	values := strings.NewReplacer("$mac", vendor, "$ip", "192.168.0.157", "$model", "UC860", "$firmware", "2.0.4.2",
		"$active_url", "sip:201@192.168.0.1", "$active_user", "201", "$local", "sip:201@192.168.0.1",
		"$remote", "sip:206@192.168.0.1", "$display_remote", "Bob & Co", "$call_id", "a1@x")
	out, errs, err := runURLs(t, map[string]string{"HTTP_URL": "http://192.168.100.100:8090", "HTTP_TOKEN": token}, "--all")
	if err != nil || errs != "" {
		t.Fatalf("%v, on stderr %q", err, errs)
	}
	listing := printed(t, out)
	if len(listing) != 45 {
		t.Errorf("%d URLs, want 45", len(listing))
	}
	for _, row := range phone.Events() {
		template := listing[row.Label]
		if len(template) > 255 || strings.Contains(template, "%") {
			t.Errorf("%s: %d characters, or a percent sign: %s", row.Slug, len(template), template)
		}
		target := strings.TrimPrefix(values.Replace(template), "http://192.168.100.100:8090")
		path, query, _ := strings.Cut(target, "?")
		words := phone.SplitWords(path)
		if len(words) != 2 || words[0] != token {
			t.Errorf("%s: path words %q, want the token and the event", row.Slug, words)
			continue
		}
		e, err := phone.ParseEvent(words[1:], phone.SplitVariables(query), phone.Dialect{})
		if err != nil || e.Type != row.Type || e.MAC != vendor {
			t.Errorf("%s: read back as %s of %s (%v)", row.Slug, e.Type, e.MAC, err)
		}
		if row.Type == phone.IncomingCall && (e.Remote.Number != "206" || e.Remote.Name != "Bob & Co" || e.CallID != "a1@x" || e.Account.Number != "201") {
			t.Errorf("incoming_call lost who calls whom: %+v", e)
		}
	}
}

func TestURLsShorten(t *testing.T) {
	base := "http://a-very-long-name-of-a-server.of-a-department.of-a-company.example.org:8090"
	out, _, err := runURLs(t, map[string]string{"HTTP_URL": base, "HTTP_TOKEN": strings.Repeat("t", 64)})
	if err != nil {
		t.Fatal(err)
	}
	listing := printed(t, out)
	if len(listing) != 20 {
		t.Errorf("%d URLs, want the twenty", len(listing))
	}
	for label, address := range listing {
		if len(address) > 255 || !strings.Contains(address, "mac=$mac") {
			t.Errorf("%s: %d characters: %s", label, len(address), address)
		}
	}
	if got := listing["Incoming Call"]; !strings.Contains(got, "remote=$remote") || strings.Contains(got, "firmware") {
		t.Errorf("the least useful variables did not go first: %s", got)
	}
}

func TestURLsForOnePhone(t *testing.T) {
	out, _, err := runURLs(t, map[string]string{"HTTP_URL": "http://192.168.0.252:8090"}, "00:1F:C1:1A:8B:6C")
	if err != nil || strings.Contains(out, "$mac") || strings.Count(out, "mac="+vendor) != 20 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestURLsOfOnePhone prints the URLs with a phone's own token: the gate lets that phone in by them, and no
// other.
func TestURLsOfOnePhone(t *testing.T) {
	const token = "0123456789abcdef_token"
	settings := map[string]string{"HTTP_URL": "http://192.168.0.252:8090", "HTTP_TOKEN": token + ",fedcba9876543210", "HTTP_TOKEN_PER_PHONE": "true"}
	for _, asXML := range [][]string{nil, {"--xml"}} {
		out, _, err := runURLs(t, settings, append(asXML, "00:1F:C1:1A:8B:6C")...)
		if err != nil || strings.Contains(out, token) || strings.Count(out, "/"+gate.PhoneToken(token, vendor)+"/") != 20 {
			t.Errorf("%v: %v\n%s", asXML, err, out)
		}
		_, _, err = runURLs(t, settings, asXML...)
		if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), "expected its MAC") {
			t.Errorf("%v without a MAC: %v, want a usage error that asks for it", asXML, err)
		}
	}
	out, _, err := runURLs(t, settings, vendor)
	if err != nil {
		t.Fatal(err)
	}
	judge := gate.Gate{Tokens: []secret.Text{secret.New(token)}, PerPhone: true}
	for label, address := range printed(t, out) {
		path, query, _ := strings.Cut(strings.TrimPrefix(address, settings["HTTP_URL"]), "?")
		if pass, _, err := judge.Enter(phone.SplitWords(path), query); err != nil || pass.For(vendor) != nil || pass.For("001fc1000001") == nil {
			t.Errorf("%s: %s: %v, or not for its phone alone", label, address, err)
		}
	}
}

func TestURLsGuess(t *testing.T) {
	out, errs, err := runURLs(t, map[string]string{"HTTP_ADDR": "192.168.7.7:9000"})
	if err != nil || !strings.Contains(errs, "HTTP_URL is not set; guessed http://192.168.7.7:9000 (the host of HTTP_ADDR)") {
		t.Errorf("%v, on stderr %q", err, errs)
	}
	if !strings.Contains(out, "http://192.168.7.7:9000/setup_completed?") {
		t.Errorf("printed %s", out)
	}
}

func TestURLsAsXML(t *testing.T) {
	out, errs, err := runURLs(t, map[string]string{"HTTP_URL": "http://192.168.0.252:8090"}, "--all", "--xml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		XMLName xml.Name `xml:"hl_provision"`
		Config  struct {
			Settings []struct {
				XMLName xml.Name
				Para    string `xml:"para,attr"`
				URL     string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"config"`
	}
	if err := xml.Unmarshal([]byte(out), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Config.Settings) != 33 {
		t.Errorf("%d settings, want the 33 with a P-code", len(file.Config.Settings))
	}
	first, seventh := file.Config.Settings[0], file.Config.Settings[6]
	if first.XMLName.Local != "P3701" || seventh.XMLName.Local != "P3707" || seventh.Para != "ActionUrl.IncomingCall" {
		t.Errorf("settings %+v, %+v", first, seventh)
	}
	if _, err := url.Parse(seventh.URL); err != nil || !strings.HasSuffix(seventh.URL, "&display_remote=$display_remote") {
		t.Errorf("URL %s: %v", seventh.URL, err)
	}
	for _, label := range []string{"VPN IP", "Remote Busy", "Call Completed Elsewhere"} {
		if !strings.Contains(errs, label) || !strings.Contains(out, label) {
			t.Errorf("%s, which has no P-code, is not named in the comment and on stderr", label)
		}
	}
}

// TestURLsOfNoUse wants no URL printed that a phone would spoil.
func TestURLsOfNoUse(t *testing.T) {
	for _, settings := range []map[string]string{
		{"HTTP_URL": "http://" + strings.Repeat("a", 230) + ".example:8090"},
		{"HTTP_URL": "http://" + strings.Repeat("a", 160) + ".example:8090", "HTTP_TOKEN": strings.Repeat("t", 64)},
		{"HTTP_ADDR": "[fe80::1%lo]:8090"},
	} {
		out, _, err := runURLs(t, settings)
		if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), "PHONE2MQTT_HTTP_URL") || out != "" {
			t.Errorf("%v: %v, printed %q, want a usage error that names HTTP_URL", settings, err, out)
		}
	}
}

func TestURLsRefuse(t *testing.T) {
	for _, args := range [][]string{{"--al"}, {"001fc11a8b"}, {vendor, vendor}} {
		_, _, err := runURLs(t, nil, args...)
		if _, ok := errors.AsType[usageError](err); !ok {
			t.Errorf("%q: got %v, want a usage error", args, err)
		}
	}
}
