package recording

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

const testMAC phone.MAC = "001fc11a8b6c"

func testDialect() phone.Dialect {
	return phone.Dialect{
		Default: phone.IncomingCall,
		Known:   func(mac phone.MAC) bool { return mac == testMAC },
		Charset: func(phone.MAC) phone.Charset { return phone.GBK },
	}
}

// TestRequestsKeepTheirForm shows that a request stays as it was but for what is private in it. N, D and
// I are as in TestText, M is the phone.
func TestRequestsKeepTheirForm(t *testing.T) {
	m := testMask()
	masked := m.mac(testMAC)
	shape := func(text string) string {
		for spelling, mark := range map[string]string{string(masked): "M", strings.ToUpper(masked.Colons()): "M:M"} {
			text = strings.ReplaceAll(text, spelling, mark)
		}
		text = regexp.MustCompile(`(Name|host)\d{8}`).ReplaceAllString(text, "$1")
		text = regexp.MustCompile(`\b10\.\d+\.\d+\.\d+`).ReplaceAllString(text, "I")
		return regexp.MustCompile(`[1-9]\d{2,}`).ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("D", len(s)) })
	}
	for _, c := range []struct{ path, query, want string }{
		{"/incoming_call", "mac=001fc11a8b6c&ip=192.168.0.157&remote=sip:206@192.168.0.1&display_remote=Bob & Sons", "/incoming_call?mac=M&ip=I&remote=sip:DDD@I&display_remote=Name & Name"},
		{"/001fc11a8b6c/192.168.0.157", "", "/M/I"},
		{"/Incoming-Call/00:1F:C1:1A:8B:6C", "remote=\"Bob\" <sip:206@h>", "/Incoming-Call/M:M?remote=\"Name\" <sip:DDD@host>"},
		{"//missed call//", "MAC=001fc11a8b6c&&remote=$remote&call-id=abc", "//missed call//?MAC=M&&remote=$remote&call-id=Name"},
		{"/hold", "mac=001fc11a8b6c&remote=206&remote=333", "/hold?mac=M&remote=DDD&remote=DDD"},
		{"/hold", "mac=001fc11a8b6c&callernumber=333&caller=Bob", "/hold?mac=M&callernumber=DDD&caller=Name"},
		{"/hold", "mac=001fc11a8b6c&remote=206&miller=Bob", "/hold?mac=M&remote=DDD&Name=Name"},
		{"/hold", "mac=001fc11a8b6c&display_remote=A&remote=999&mac=001fc1ffffff", "/hold?mac=M&display_remote=Name&remote=DDD&mac=Name"},
		{"/hold", "mac=001fc11a8b6c&model=T58W&firmware=2.0.4.2;BOOT--1.0 ROM--2.42", "/hold?mac=M&model=T58W&firmware=2.0.4.2;BOOT--1.0 ROM--2.42"},
		{"/hold", "mac=001fc11a8b6c&display_remote=M%C3%BCller%20%26%20Co", "/hold?mac=M&display_remote=Name%20%26%20Name"},
		{"/hold", "mac=001fc11a8b6c&remote=sip%3A206%40pbx.example", "/hold?mac=M&remote=sip%3ADDD%40host.host"},
		{"/hold", "mac=001fc11a8b6c&display_remote=50% off", "/hold?mac=M&display_remote=" + testMask().number("50") + "% Name"},
		{"/hold", "mac=001fc11a8b6c&display_remote=\xcd\xf5\xce\xb0", "/hold?mac=M&display_remote=Name"},
		{"/hold", "mac=001fc11a8b6c&active_user=201&active_host=pbx.example", "/hold?mac=M&active_user=DDD&active_host=host.host"},
		{"/incomming_miller_call", "mac=001fc11a8b6c", "/Name?mac=M"},
		{"/incomming.call", "mac=001fc11a8b6c", "/Name.call?mac=M"},
		{"/hold", "mac=12345", "/hold?mac=DDDDD"},
	} {
		got, rebuilt, ok := m.request(request{c.path, c.query}, testMAC, testDialect())
		line, _, _ := strings.Cut(strings.TrimPrefix(requestLine("GET", got.path, got.query, "HTTP/1.1"), "GET "), " HTTP/1.1")
		if shape(line) != c.want || rebuilt || !ok {
			t.Errorf("%s?%s:\ngot  %s (%s), rebuilt %v, ok %v\nwant %s", c.path, c.query, shape(line), line, rebuilt, ok, c.want)
		}
	}
}

// TestRebuilt takes a request whose form no pseudonym fits into: an address without brackets.
func TestRebuilt(t *testing.T) {
	m := testMask()
	got, rebuilt, ok := m.request(request{"/incoming_call", "mac=001fc11a8b6c&display_remote=%50%43"}, testMAC, testDialect())
	if !ok || rebuilt {
		t.Errorf("escapes: %v, rebuilt %v, ok %v", got, rebuilt, ok)
	}
	got, rebuilt, ok = m.request(request{"/incoming_call", "mac=001fc11a8b6c&remote=206 192.168.0.1@pbx"}, testMAC, testDialect())
	if !ok {
		t.Fatal("nothing was made of it")
	}
	event, err := got.event(phone.Dialect{})
	if err != nil || event.MAC != m.mac(testMAC) || event.Remote.Number == "" || strings.Contains(got.query, "192.168") {
		t.Errorf("%v, rebuilt %v: %+v, %v", got, rebuilt, event, err)
	}
}

// TestDecimalMAC has a phone whose MAC could be a telephone number, and keeps such digits as its pseudonym:
// as a word of a path it counts only for a phone that is known.
func TestDecimalMAC(t *testing.T) {
	m := testMask()
	for n := range 1000 {
		mac := phone.MAC(fmt.Sprintf("001234%06d", n))
		if strings.Trim(string(m.mac(mac)), "0123456789") != "" {
			continue
		}
		masked, rebuilt, ok := m.request(request{"/hold/" + string(mac), ""}, mac, testDialect())
		if want := (request{"/hold/" + string(m.mac(mac)), ""}); masked != want || rebuilt || !ok {
			t.Errorf("got %v, rebuilt %v, ok %v, want %v", masked, rebuilt, ok, want)
		}
		return
	}
	t.Error("no such MAC")
}

// TestKnownQueries disguises the queries that the reader is tested with: each gives the same event but
// for the pseudonyms, which request itself makes sure of, and few have to be rebuilt.
func TestKnownQueries(t *testing.T) {
	m := testMask()
	rebuilt, all := 0, knownQueries(t)
	for _, query := range all {
		_, again, ok := m.request(request{"/incoming_call", query}, testMAC, testDialect())
		if !ok {
			t.Errorf("%q cannot be recorded", query)
		}
		if again {
			rebuilt++
			t.Logf("rebuilt: %q", query)
		}
	}
	if len(all) < 30 || rebuilt > len(all)/20 {
		t.Errorf("%d of %d were rebuilt", rebuilt, len(all))
	}
}

func knownQueries(t testing.TB) []string {
	t.Helper()
	corpus, err := os.ReadFile("../../phone/testdata/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	octet := regexp.MustCompile(`\\x[0-9A-F]{2}`)
	var queries []string
	for line := range strings.Lines(string(corpus)) {
		if query, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "? "); ok {
			queries = append(queries, octet.ReplaceAllStringFunc(query, func(escape string) string {
				b, _ := strconv.ParseUint(escape[2:], 16, 8)
				return string([]byte{byte(b)})
			}))
		}
	}
	return queries
}

var (
	variableName = regexp.MustCompile(`(?i)\b(mac|ip|model|firmware|active_(url|user|host)|(display_)?(local|remote)|call[_-]id)\b`)
	unknownName  = regexp.MustCompile(`(^|&)[a-zA-Z_-]+=`)
)

// withoutNames is a disguised query without the names that stay: those of the vendor's variables, and all
// that stand before the first value which a caller can have typed.
func withoutNames(query string) string {
	typed := len(query)
	for _, s := range locate(query, phone.SplitVariables(query)) {
		if slices.Contains(typedByCallers, s.name) {
			typed = min(typed, s.from)
		}
	}
	return variableName.ReplaceAllString(unknownName.ReplaceAllString(query[:typed], "$1=")+query[typed:], "")
}

// FuzzRequest holds that no request can be recorded that reads differently, or that shows a word of more
// than a few letters which is not known to be harmless.
func FuzzRequest(f *testing.F) {
	for _, query := range knownQueries(f) {
		f.Add("/incoming_call", query)
	}
	f.Add("/001fc11a8b6c/192.168.0.1:8080/Miller", "remote=206")
	f.Add("/%41/%2F", "display_remote=%zz&mac=%30")
	m := testMask()
	long := regexp.MustCompile(`[A-Za-z]{5,}|[1-9][0-9]{6,}`)
	f.Fuzz(func(t *testing.T, path, query string) {
		d := testDialect()
		masked, rebuilt, ok := m.request(request{path, query}, testMAC, d)
		if !ok {
			return
		}
		before, err := request{path, query}.event(d)
		d.Known = func(mac phone.MAC) bool { return mac == m.mac(testMAC) }
		after, maskedErr := masked.event(d)
		if (err == nil) != (maskedErr == nil) {
			t.Fatalf("%q %q: %v, disguised %v", path, query, err, maskedErr)
		}
		if err == nil && !alike(after, m.event(before)) {
			t.Fatalf("%q %q:\n%s", path, query, cmp.Diff(m.event(before), after))
		}
		if rebuilt || err != nil {
			return
		}
		for _, text := range []string{before.Remote.Name, before.Remote.Number, before.Local.Name, before.CallID} {
			for _, word := range long.FindAllString(text, -1) {
				known := isHarmless(word, ' ', ':') || strings.Contains(before.Model+before.Firmware, word)
				if !known && strings.Contains(withoutNames(masked.query), word) {
					t.Fatalf("%q is shown in %q", word, masked.query)
				}
			}
		}
	})
}
