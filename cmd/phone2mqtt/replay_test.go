package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

const recordedToken = "0123456789abcdef_token"

// startRecording runs the program with a store and recordings in dir.
func startRecording(t *testing.T, broker, dir string, plain bool) house {
	t.Helper()
	cfg := testBridge()
	cfg.Tokens = []secret.Text{secret.New(recordedToken)}
	cfg.Charset = "gb18030" // where the guess between two would be wrong
	cfg.Limits.Repeat = time.Second
	return startParts(t, parts{
		dataDir:  filepath.Join(dir, "data"),
		storeMax: 64 << 20,
		mqtt:     mqtt.Config{URL: "mqtt://" + broker, ClientID: "house", WriteTimeout: time.Second},
		bridge:   cfg,
		record:   recordings{filepath.Join(dir, "recordings"), plain},
	})
}

// recordingsIn are the files that startRecording made in dir.
func recordingsIn(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "recordings", "*.jsonl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	return paths
}

var (
	stamps   = regexp.MustCompile(`"(time|started_at|answered_at|ended_at|last_seen)":(?:"[^"]+"|[0-9.]+)`)
	eventIDs = regexp.MustCompile(`^\{"id":"[^"]+",`)
)

// aside is a payload without times and without the id, the two that a replay cannot give back. A length
// of time stays.
func aside(payload string) string {
	return eventIDs.ReplaceAllString(stamps.ReplaceAllString(payload, `"$1":0`), "{")
}

// liveTrail is what was published of a phone's states and events.
func liveTrail(w *watcher, mac string) []string {
	var trail []string
	for _, m := range w.seen() {
		for _, kind := range []string{"state", "event"} {
			if m.topic == "phone2mqtt/"+mac+"/"+kind {
				trail = append(trail, kind+" "+aside(m.payload))
			}
		}
	}
	return withoutRefreshed(trail)
}

// withoutRefreshed leaves a state out that is told again as it was: a restart does so.
func withoutRefreshed(trail []string) []string {
	last := ""
	return slices.DeleteFunc(trail, func(line string) bool {
		if !strings.HasPrefix(line, "state ") {
			return false
		}
		again := line == last
		last = line
		return again
	})
}

// replayedTrail is what `phone2mqtt replay` prints of a phone in the same form; the other lines stand in
// others. An empty mac takes all phones.
func replayedTrail(t *testing.T, mac string, paths ...string) (trail, others []string) {
	t.Helper()
	var out, errs bytes.Buffer
	if err := run(t.Context(), append([]string{"replay"}, paths...), &out, &errs); err != nil || errs.Len() > 0 {
		t.Fatalf("%v, on stderr %s", err, &errs)
	}
	for line := range strings.Lines(out.String()) {
		var object struct {
			MAC          string
			State, Event json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		switch {
		case mac != "" && object.MAC != mac:
		case object.State != nil:
			trail = append(trail, "state "+aside(string(object.State)))
		case object.Event != nil:
			trail = append(trail, "event "+aside(string(object.Event)))
		default:
			others = append(others, strings.TrimSpace(line))
		}
	}
	return withoutRefreshed(trail), others
}

// storyteller sends a phone's events one by one: the next when what follows from the last is published,
// so that no state overtakes another and the live trail is whole.
type storyteller struct {
	watcher *watcher
	phone   *phonetest.Phone
	told    int
}

// sends sends an event, and its repeats at once, before the time for them is over: they give no event.
func (s *storyteller) sends(t *testing.T, kind phone.EventType, vars map[phone.Variable]string, repeats ...map[phone.Variable]string) {
	t.Helper()
	for _, vars := range append([]map[phone.Variable]string{vars}, repeats...) {
		if status, err := s.phone.Send(t.Context(), kind, vars); status != 200 || err != nil {
			t.Fatalf("%s: answered %d, %v", kind, status, err)
		}
	}
	s.told++
	eventually(t, fmt.Sprintf("event %d", s.told), func() bool {
		sent := slices.DeleteFunc(s.watcher.of(vendor+"/event"), func(m message) bool { return m.member("derived") == "true" })
		return len(sent) == s.told
	})
}

// private is what must not be found in a recording with pseudonyms.
var private = []string{
	"4930123456", "3012345600", "2010001", "7770001", "Bärbel", "Müller", "Söhne", "王伟", "镕", "Kitchen", "alice",
	"pbx", "example", "192.168.44", "1a8b6c", recordedToken, "a4f7c1call",
}

// tellStory lives through calls of all kinds, with a restart of the program in the middle of one.
func tellStory(t *testing.T, dir string, plain bool) *watcher {
	t.Helper()
	broker := startEmbedded(t, "")
	w := watch(t, broker.addr)
	h := startRecording(t, broker.addr, dir, plain)
	w.ready(t)
	p := startPhone(t, phonetest.Options{
		MAC: vendor, Number: "2010001", Name: "Kitchen", Domain: "pbx.example.org", IP: "127.0.44.157", Charset: simplifiedchinese.GBK,
		Server: "http://" + h.intake + "/" + recordedToken,
	})
	s := &storyteller{watcher: w, phone: p}
	baerbel := map[phone.Variable]string{
		phone.VarRemote: `sip:+4930123456@pbx.example.org;user=phone`, phone.VarCallID: "a4f7c1call@192.168.44.1", phone.VarDisplayRemote: "Müller & Söhne; Bärbel <x> 100%",
	}
	wei := map[phone.Variable]string{phone.VarRemote: "03012345600", phone.VarCallID: "77700012", phone.VarDisplayRemote: "朱镕基 王伟"}
	s.sends(t, phone.SetupCompleted, nil)
	s.sends(t, phone.Registered, nil)
	s.sends(t, phone.IncomingCall, baerbel, baerbel)
	s.sends(t, phone.CallEstablished, baerbel)
	s.sends(t, phone.IncomingCall, wei)
	s.sends(t, phone.Hold, baerbel)
	s.sends(t, phone.CallEstablished, wei)
	h.stop()

	h = startRecording(t, broker.addr, dir, plain)
	h.answersReady(t)
	p = startPhone(t, phonetest.Options{
		MAC: vendor, Number: "2010001", Name: "Kitchen", Domain: "pbx.example.org", IP: "127.0.44.157", Charset: simplifiedchinese.GBK,
		Server: "http://" + h.intake + "/" + recordedToken,
	})
	s.phone = p
	s.sends(t, phone.Mute, wei)
	s.sends(t, phone.CallTerminated, wei)
	s.sends(t, phone.Unhold, baerbel)
	s.sends(t, phone.CallTerminated, baerbel)
	s.sends(t, phone.IncomingCall, map[phone.Variable]string{phone.VarRemote: `"alice" <sip:alice@192.168.44.9>`})
	s.sends(t, phone.CallRemoteCanceled, map[phone.Variable]string{phone.VarRemote: "sip:alice@192.168.44.9"})
	w.last(t, vendor+"/event", "the missed call is told", func(m message) bool { return m.text("event_type") == "missed_call" })
	s.sends(t, phone.IncomingCall, map[phone.Variable]string{phone.VarRemote: "anonymous", phone.VarCallID: "77700013"})
	s.sends(t, phone.RejectIncomingCall, map[phone.Variable]string{phone.VarCallID: "77700013"})
	s.sends(t, phone.OutgoingCall, map[phone.Variable]string{phone.VarRemote: "tel:+49-30-123456"})
	s.sends(t, phone.RemoteBusy, nil)
	s.sends(t, phone.DNDOn, nil)
	if status := h.get(t, "/"+recordedToken+"/incomming_7770001_call?mac="+vendor); status != 404 {
		t.Errorf("a mistake was answered %d", status)
	}
	h.stop()
	return w
}

// TestReplayPlain replays a recording: byte for byte what was published live, times aside.
func TestReplayPlain(t *testing.T) {
	dir := t.TempDir()
	live := liveTrail(tellStory(t, dir, true), vendor)
	replayed, others := replayedTrail(t, vendor, recordingsIn(t, dir)...)
	if diff := cmp.Diff(live, replayed); diff != "" {
		t.Errorf("(-live +replayed):\n%s", diff)
	}
	if len(others) != 2 || !strings.Contains(others[0], `"repeat":"incoming_call"`) || !strings.Contains(others[1], "incomming_7770001_call") {
		t.Errorf("besides: %q", others)
	}
	if len(live) < 40 {
		t.Errorf("the trail has %d lines only", len(live))
	}
	for _, path := range recordingsIn(t, dir) {
		if text, err := os.ReadFile(path); err != nil || bytes.Contains(decodedRecording(text), []byte(recordedToken)) {
			t.Errorf("%s: %v, or it holds the token", path, err)
		}
	}
}

// TestReplayPseudonyms replays a recording with pseudonyms: the same trail, each text by its pseudonym,
// and nothing private stands in any file.
func TestReplayPseudonyms(t *testing.T) {
	dir := t.TempDir()
	live := liveTrail(tellStory(t, dir, false), vendor)
	paths := recordingsIn(t, dir)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(decodedRecording(text), path...)
		gbk, err := simplifiedchinese.GBK.NewEncoder().String("王伟")
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range append(slices.Clone(private), gbk) {
			if bytes.Contains(bytes.ReplaceAll(text, []byte(dir), nil), []byte(word)) {
				t.Errorf("%s stands in\n%s", word, text)
			}
		}
		if bytes.Contains(text, []byte(`"rebuilt"`)) {
			t.Errorf("a request lost its form:\n%s", text)
		}
	}
	replayed, others := replayedTrail(t, "", paths...)
	if len(others) != 2 {
		t.Errorf("besides: %q", others)
	}
	if len(live) != len(replayed) {
		t.Fatalf("%d lines live, %d replayed", len(live), len(replayed))
	}
	words := pseudonyms{make(map[string]string), make(map[string]string)}
	for i := range live {
		kind, is, _ := strings.Cut(live[i], " ")
		replayedKind, other, _ := strings.Cut(replayed[i], " ")
		var a, b any
		if err := errors.Join(json.Unmarshal([]byte(is), &a), json.Unmarshal([]byte(other), &b)); err != nil {
			t.Fatal(err)
		}
		if kind != replayedKind || !words.match(a, b) {
			t.Errorf("line %d:\nlive     %s\nreplayed %s", i, live[i], replayed[i])
		}
	}
}

// decodedRecording is a recording with its requests readable behind it.
func decodedRecording(text []byte) []byte {
	for line := range strings.Lines(string(text)) {
		var object struct{ Request []byte }
		if json.Unmarshal([]byte(line), &object) == nil {
			text = append(append(text, object.Request...), '\n')
		}
	}
	return text
}

// pseudonyms are which texts stand for which: one to one.
type pseudonyms struct{ of, behind map[string]string }

// match tells that two payloads are the same but for their texts, and that each text always has the same
// pseudonym, of its own.
func (p pseudonyms) match(live, replayed any) bool {
	switch live := live.(type) {
	case string:
		masked, ok := replayed.(string)
		if !ok || (live == "") != (masked == "") {
			return false
		}
		if _, known := p.of[live]; !known && p.behind[masked] == "" {
			p.of[live], p.behind[masked] = masked, live
		}
		return p.of[live] == masked && p.behind[masked] == live
	case map[string]any:
		other, ok := replayed.(map[string]any)
		if !ok || len(live) != len(other) {
			return false
		}
		for name := range live {
			if _, has := other[name]; !has || !p.match(live[name], other[name]) {
				return false
			}
		}
		return true
	case []any:
		other, ok := replayed.([]any)
		return ok && slices.EqualFunc(live, other, p.match)
	}
	return live == replayed
}

// TestReplayTraffic replays what simulated phones sent that called each other: every event is there byte
// for byte, and every state that was published. Live, a state may be replaced by a newer one before it
// goes out.
func TestReplayTraffic(t *testing.T) {
	dir := t.TempDir()
	broker := startEmbedded(t, "")
	w := watch(t, broker.addr)
	h := startRecording(t, broker.addr, dir, true)
	w.ready(t)
	exchange := phonetest.NewExchange()
	var phones []*phonetest.Phone
	for i, mac := range macs(3) {
		phones = append(phones, startPhone(t, phonetest.Options{
			MAC: mac, IP: fmt.Sprint("127.0.0.", 2+i), Number: fmt.Sprint(201 + i), Name: fmt.Sprint("Desk ", i), Server: "http://" + h.intake + "/" + recordedToken, Exchange: exchange,
		}))
	}
	traffic := phonetest.Traffic{Phones: phones, CallsPerMinute: 1200, Ring: 60 * time.Millisecond, Talk: 60 * time.Millisecond, Seed: 1}
	ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
	defer cancel()
	if err := traffic.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for _, p := range phones {
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	settled := func() int { return len(w.seen()) }
	eventually(t, "nothing more follows", func() bool {
		before := settled()
		<-time.After(500 * time.Millisecond)
		return settled() == before
	})
	h.stop()

	for _, p := range phones {
		live := liveTrail(w, string(p.MAC()))
		replayed, _ := replayedTrail(t, string(p.MAC()), recordingsIn(t, dir)...)
		if diff := cmp.Diff(only("event", live), only("event", replayed)); diff != "" {
			t.Errorf("events of %s (-live +replayed):\n%s", p.MAC(), diff)
		}
		if got := len(only("event", live)); got < 5 {
			t.Errorf("%s sent %d events only", p.MAC(), got)
		}
		rest := only("state", replayed)
		for _, line := range only("state", live) {
			at := slices.Index(rest, line)
			if at < 0 {
				t.Fatalf("%s: the replay has not, or elsewhere: %s", p.MAC(), line)
			}
			rest = rest[at+1:]
		}
		if len(rest) > 0 {
			t.Errorf("%s: the replay goes on with %s", p.MAC(), rest[0])
		}
	}
}

// only are the lines of a kind.
func only(kind string, trail []string) []string {
	return slices.DeleteFunc(slices.Clone(trail), func(line string) bool { return !strings.HasPrefix(line, kind+" ") })
}

// TestRecordUnidentified keeps what no phone could be found for in one file, whatever MAC it names, and
// nothing of who does not know the token.
func TestRecordUnidentified(t *testing.T) {
	dir := t.TempDir()
	broker := startEmbedded(t, "")
	h := startRecording(t, broker.addr, dir, true)
	for target, want := range map[string]int{
		"/" + recordedToken + "/dnd_on":                   400,
		"/" + recordedToken + "/dnd_onn?mac=" + vendor:    404,
		"/" + recordedToken + "/dnd_on?mac=12":            400,
		"/0123456789abcdef_wrong/dnd_on?mac=001fc1ffffff": 403,
	} {
		if status := h.get(t, target); status != want {
			t.Errorf("%s: answered %d, want %d", target, status, want)
		}
	}
	h.stop()
	paths := recordingsIn(t, dir)
	if len(paths) != 1 || !strings.HasSuffix(paths[0], "-unknown.jsonl") {
		t.Fatalf("recordings: %q", paths)
	}
	trail, others := replayedTrail(t, "", paths...)
	slices.SortFunc(others, func(a, b string) int {
		return strings.Compare(a[strings.Index(a, "refused"):], b[strings.Index(b, "refused"):])
	})
	want := []string{"is no event; the nearest is dnd_on", "mac=", "no phone could be identified"}
	if len(trail) > 0 || len(others) != len(want) {
		t.Fatalf("trail %q, besides %q", trail, others)
	}
	for i := range want {
		if !strings.Contains(others[i], want[i]) {
			t.Errorf("got %s, want %s", others[i], want[i])
		}
	}
}

// TestReplayArguments holds what it says of mistakes, and how it ends.
func TestReplayArguments(t *testing.T) {
	damaged := filepath.Join(t.TempDir(), "damaged.jsonl")
	text := `{"recording":1,"t":"1s","mac":"001fc11a8b6c","default_event":"incoming_call","ring_limit":"3m","talk_limit":"12h","repeat_window":"2s"}
half a line
{"t":"2s","request":"R0VUIC9kbmRfb24gSFRUUC8xLjE="}
`
	if err := os.WriteFile(damaged, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args          []string
		usage         bool
		errText, told string
		lines         int
	}{
		{nil, true, "replay: no file, expected FILE... [--real-time]", "", 0},
		{[]string{"--fast", damaged}, true, `replay: "--fast" is unexpected`, "", 0},
		{[]string{"--real-time"}, true, "replay: no file", "", 0},
		{[]string{filepath.Join(t.TempDir(), "none")}, false, "no such file", "", 0},
		{[]string{damaged}, false, "replay: lines that could not be read: 1", damaged + ":2: not a line of a recording\n", 2},
		{[]string{"--real-time", damaged}, false, "replay: lines that could not be read: 1", damaged + ":2: not a line of a recording\n", 2},
	} {
		var out, errs bytes.Buffer
		err := run(t.Context(), append([]string{"replay"}, c.args...), &out, &errs)
		_, usage := errors.AsType[usageError](err)
		if err == nil || usage != c.usage || !strings.Contains(err.Error(), c.errText) || errs.String() != c.told || strings.Count(out.String(), "\n") != c.lines {
			t.Errorf("%q: %v, usage %v, on stderr %q, on stdout\n%s", c.args, err, usage, &errs, &out)
		}
	}
	if err := run(t.Context(), []string{"replay", damaged}, failingWriter{}, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "no paper") {
		t.Errorf("nowhere to print: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no paper") }

// TestRecordDirIsUnusable ends the start with a line that names the variable.
func TestRecordDirIsUnusable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := testBridge()
	if _, err := (recordings{dir: path}).open(&cfg, zerolog.Nop()); err == nil || !strings.HasPrefix(err.Error(), "RECORD_DIR: ") {
		t.Errorf("got %v", err)
	}
	if cfg.Record != nil {
		t.Error("it records anyway")
	}
}
