package recording

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

const testToken = "0123456789abcdef_token"

// noon is when the tests' requests come, a while before midnight.
var noon = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

// bench is a recorder and its log.
type bench struct {
	*Recorder
	log *bytes.Buffer
}

func open(t *testing.T, dir string, change func(*Config)) bench {
	t.Helper()
	log := new(bytes.Buffer)
	cfg := Config{
		Dir:          dir,
		Tokens:       []secret.Text{secret.New(testToken)},
		Version:      "1.2.3",
		DefaultEvent: phone.IncomingCall,
		Limits:       phone.Limits{Ring: 3 * time.Minute, Talk: 12 * time.Hour, Repeat: 2 * time.Second},
		Log:          zerolog.New(log),
	}
	if change != nil {
		change(&cfg)
	}
	r, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return bench{r, log}
}

func plain(c *Config) { c.Plain = true }

// flush writes what waits.
func (b bench) flush(t *testing.T) {
	t.Helper()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Run(over); err != nil {
		t.Fatal(err)
	}
}

func requestAt(at time.Time, path, query string) Request {
	return Request{MAC: testMAC, At: at, Method: "GET", Path: path, Query: query, Proto: "HTTP/1.1", Charset: phone.GBK, Before: new(phone.State)}
}

// lines are a file's, without the empty ones.
func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return line == "" })
}

// recorded are the request lines of a file.
func recorded(t *testing.T, path string) []string {
	t.Helper()
	var all []string
	for _, line := range lines(t, path) {
		var e entry
		if json.Unmarshal([]byte(line), &e) == nil && len(e.Request) > 0 {
			all = append(all, string(e.Request))
		}
	}
	return all
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestFile shows a whole recording as it is: two requests, one that nothing could be made of, and the
// next day.
func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "recordings")
	r := open(t, dir, plain)
	r.clock = clock{noon, time.Minute}
	q := requestAt(noon.Add(1500*time.Millisecond), "/incoming_call", "mac=001fc11a8b6c&display_remote=Bob & Sons")
	q.Name, q.Host = "Kitchen", "192.168.0.157"
	r.Record(q)
	r.Record(requestAt(noon.Add(2*time.Second), "/hold", "display_remote=\xcd\xf5"))
	refused := requestAt(noon.Add(3*time.Second), "/nothing", "")
	refused.MAC, refused.Before = "", nil
	r.Record(refused)
	r.Record(requestAt(noon.Add(12*time.Hour), "/hold", ""))
	r.flush(t)

	head := func(at, mac string) string {
		return fmt.Sprintf(`{"recording":1,"t":%q,"version":"1.2.3","mac":%q,"plain":true,"default_event":"incoming_call","ring_limit":"3m0s","talk_limit":"12h0m0s","repeat_window":"2s"}`, at, mac)
	}
	line := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	want := map[string][]string{
		"2026-11-24-001fc11a8b6c.jsonl": {
			head("1m1.5s", "001fc11a8b6c"),
			`{"t":"1m1.5s","request":"` + line("GET /incoming_call?mac=001fc11a8b6c&display_remote=Bob & Sons HTTP/1.1") + `","name":"Kitchen","host":"192.168.0.157"}`,
			`{"t":"1m2s","request":"` + line("GET /hold?display_remote=\xcd\xf5 HTTP/1.1") + `","charset":"gbk"}`,
		},
		"2026-11-24-unknown.jsonl": {
			head("1m3s", ""),
			`{"t":"1m3s","request":"` + line("GET /nothing HTTP/1.1") + `"}`,
		},
		"2026-11-25-001fc11a8b6c.jsonl": {
			head("12h1m0s", "001fc11a8b6c"),
			`{"t":"12h1m0s","request":"` + line("GET /hold HTTP/1.1") + `"}`,
		},
	}
	got := make(map[string][]string)
	for _, name := range names(t, dir) {
		if name != keyName {
			got[name] = lines(t, filepath.Join(dir, name))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.log.Len() > 0 {
		t.Errorf("log: %s", r.log)
	}
}

// TestModes holds that nobody else may read a recording.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	r := open(t, dir, nil)
	r.Record(requestAt(noon, "/hold", ""))
	r.flush(t)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		stat, err := entry.Info()
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = fs.ModeDir | 0o700
		}
		if err == nil && stat.Mode() != want {
			t.Errorf("%s has the mode %s, want %s", path, stat.Mode(), want)
		}
		return err
	})
	if err != nil || len(names(t, dir)) != 2 {
		t.Errorf("%v: %q", err, names(t, dir))
	}
}

// TestTokens puts the token wherever somebody may have put it.
func TestTokens(t *testing.T) {
	escaped := strings.TrimSuffix(testToken, "n") + "%6e"
	for _, change := range []func(*Config){nil, plain} {
		dir := t.TempDir()
		r := open(t, dir, change)
		state, _ := phone.State{}.Apply(phone.Event{Type: phone.IncomingCall, Time: noon, MAC: testMAC, Remote: phone.Party{Number: testToken, Name: "x" + testToken}})
		q := requestAt(noon, "/"+testToken+"/hold", "")
		q.Before = &state
		r.Record(q)
		r.Record(requestAt(noon, "/"+escaped+"/x"+testToken+"/hold", "mac=001fc11a8b6c"))
		r.Record(requestAt(noon, "/hold", "token="+testToken+"&remote="+escaped+"&display_remote=a"+testToken+"b"))
		r.flush(t)
		for _, name := range names(t, dir) {
			text := strings.Join(append(lines(t, filepath.Join(dir, name)), recorded(t, filepath.Join(dir, name))...), "\n")
			if strings.Contains(percentDecoded(text), testToken) {
				t.Errorf("%s holds the token:\n%s", name, text)
			}
		}
		if r.cfg.Plain {
			want := []string{
				"GET //hold HTTP/1.1",
				"GET //xTOKEN/hold?mac=001fc11a8b6c HTTP/1.1",
				"GET /hold?token=TOKEN&TOKEN&display_remote=aTOKENb HTTP/1.1",
			}
			if diff := cmp.Diff(want, recorded(t, filepath.Join(dir, fileName(dayOf(noon), testMAC)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

// TestSetIsKept opens a directory again: pseudonyms and times go on as before.
func TestSetIsKept(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, nil)
	second := open(t, dir, nil)
	if first.mask.text("493012345678") != second.mask.text("493012345678") {
		t.Error("the pseudonyms are others")
	}
	later := time.Now()
	if a, b := first.clock.at(later), second.clock.at(later); time.Duration(a-b).Abs() > time.Second {
		t.Errorf("the times are %v and %v", a, b)
	}
	if err := os.WriteFile(filepath.Join(dir, keyName), []byte(`{"key":"AAAA"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), keyName+" is damaged") {
		t.Errorf("with a damaged key: %v", err)
	}
	if _, err := Open(Config{Dir: filepath.Join(dir, keyName)}); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// TestRecordNeverWaits fills the queue while nothing is written: what finds no room is counted in the
// phone's next line.
func TestRecordNeverWaits(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, plain)
	for range waiting + 7 {
		r.Record(requestAt(noon, "/hold", ""))
	}
	r.flush(t)
	r.Record(requestAt(noon, "/unhold", ""))
	r.Record(requestAt(noon, "/mute", ""))
	r.flush(t)
	all := lines(t, filepath.Join(dir, fileName(dayOf(noon), testMAC)))
	if len(all) != 1+waiting+2 || !strings.HasSuffix(all[1+waiting], `"dropped":7}`) || strings.Contains(all[2+waiting], "dropped") {
		t.Errorf("%d lines, the last two are %q", len(all), all[len(all)-2:])
	}
}

// TestFull fills a file: it is closed by a line that says so, and the next day goes on.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, plain)
	r.files.perFile = 1000
	for range 20 {
		r.Record(requestAt(noon, "/hold", ""))
	}
	r.Record(requestAt(noon.Add(24*time.Hour), "/hold", ""))
	r.flush(t)
	all := lines(t, filepath.Join(dir, fileName(dayOf(noon), testMAC)))
	if last := all[len(all)-1]; len(all) > 19 || !strings.HasSuffix(last, `"full":true}`) || strings.Contains(all[len(all)-2], "full") {
		t.Errorf("%d lines, the last is %s", len(all), last)
	}
	if got := len(lines(t, filepath.Join(dir, fileName("2026-11-25", testMAC)))); got != 2 {
		t.Errorf("the next day has %d lines, want 2", got)
	}
	if got := strings.Count(r.log.String(), "\n"); got != 1 || !strings.Contains(r.log.String(), "has its size, it goes on tomorrow") {
		t.Errorf("log:\n%s", r.log)
	}
}

// TestOldestDayGoes records more days than there is room for, beside a file that is not ours.
func TestOldestDayGoes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "2020-01-01-notes.jsonl"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir, plain)
	r.files.inAll = 2000
	for day := range 10 {
		for range 3 {
			r.Record(requestAt(noon.AddDate(0, 0, day), "/hold", ""))
		}
	}
	r.flush(t)
	var size int64
	kept := slices.DeleteFunc(names(t, dir), func(name string) bool { return !ours.MatchString(name) })
	for _, name := range kept {
		stat, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		size += stat.Size()
	}
	if len(kept) < 2 || kept[len(kept)-1] != "2026-12-03-001fc11a8b6c.jsonl" || size > 2000+300 || size != r.files.size {
		t.Errorf("%d bytes in %q, counted were %d", size, kept, r.files.size)
	}
	if !slices.Contains(names(t, dir), "2020-01-01-notes.jsonl") {
		t.Error("a file that is not ours was deleted")
	}
	if !strings.Contains(r.log.String(), "the oldest recordings are deleted") {
		t.Errorf("log:\n%s", r.log)
	}
}

// TestAllFullToday has no earlier day to delete: recording stops until tomorrow, and says so once.
func TestAllFullToday(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, plain)
	r.files.inAll = 1000
	for range 20 {
		r.Record(requestAt(noon, "/hold", ""))
	}
	r.flush(t)
	if r.files.size > 1300 || strings.Count(r.log.String(), "\n") != 1 || !strings.Contains(r.log.String(), "size in all, they go on tomorrow") {
		t.Errorf("%d bytes, log:\n%s", r.files.size, r.log)
	}
	r.Record(requestAt(noon.Add(24*time.Hour), "/hold", ""))
	r.flush(t)
	if got := lines(t, filepath.Join(dir, fileName("2026-11-25", testMAC))); len(got) != 2 {
		t.Errorf("the next day has %d lines, want 2", len(got))
	}
}

// TestDiskFails takes the directory away: it is logged once, and what is missing stands in the next line.
func TestDiskFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	r := open(t, dir, plain)
	r.Record(requestAt(noon, "/hold", ""))
	r.flush(t)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.Record(requestAt(noon, "/mute", ""))
	}
	r.flush(t)
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	r.Record(requestAt(noon, "/unhold", ""))
	r.flush(t)
	all := lines(t, filepath.Join(dir, fileName(dayOf(noon), testMAC)))
	if len(all) != 3 || !strings.HasSuffix(all[2], `"dropped":3}`) {
		t.Errorf("lines: %q", all)
	}
	if got := strings.Count(r.log.String(), "a request is not recorded"); got != 1 {
		t.Errorf("log:\n%s", r.log)
	}
}

// TestAfterACrash goes on in a file whose last line is cut short: its own lines are whole.
func TestAfterACrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName(dayOf(noon), testMAC))
	if err := os.WriteFile(path, []byte(`{"t":"1s","requ`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir, plain)
	r.Record(requestAt(noon, "/hold", ""))
	r.flush(t)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var damaged []int
	found, err := Read(file, func(line int, _ error) { damaged = append(damaged, line) })
	if err != nil || len(found) != 2 || !slices.Equal(damaged, []int{1}) {
		t.Errorf("%d lines, damaged are %v, %v", len(found), damaged, err)
	}
}

// TestStateInHead carries a call on into the next day, under the same pseudonyms and with the times of
// the set.
func TestStateInHead(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, nil)
	r.clock = clock{noon, time.Minute}
	before, _ := phone.State{}.Apply(phone.Event{
		Type: phone.IncomingCall, Time: noon.Add(-time.Second), MAC: testMAC, CallID: "a1", Model: "UC860",
		Account: phone.Party{Number: "2010001"},
		Local:   phone.Party{Number: "2010001", Name: "Kitchen"},
		Remote:  phone.Party{Number: "+493012345", Name: "Bob Miller", URI: "sip:+493012345@pbx.example"},
	})
	q := requestAt(noon, "/call_established", "mac=001fc11a8b6c&call_id=a1&remote=sip:+493012345@pbx.example")
	q.Before = &before
	r.Record(q)
	r.flush(t)
	path := filepath.Join(dir, fileName(dayOf(noon), r.mask.mac(testMAC)))
	text := strings.Join(lines(t, path), "\n")
	for _, private := range []string{"2010001", "Kitchen", "493012345", "Bob", "Miller", "pbx", "8b6c", "2026"} {
		if strings.Contains(text, private) {
			t.Errorf("%s stands in\n%s", private, text)
		}
	}
	found, err := Read(strings.NewReader(text), func(line int, err error) { t.Errorf("line %d: %v", line, err) })
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	head, ok := found[0].is.(*start)
	if !ok || head.state == nil {
		t.Fatalf("the head has no state: %s", text)
	}
	call := head.state.Calls[0]
	want := phone.Party{Number: r.mask.text("+493012345"), Name: r.mask.text("Bob Miller"), URI: r.mask.text("sip:+493012345@pbx.example")}
	if call.Remote != want || call.ID != r.mask.text("a1") || !call.StartedAt.Equal(epoch.Add(59*time.Second)) || head.state.Model != "UC860" || head.state.Heard != before.Heard {
		t.Errorf("the state is %+v", *head.state)
	}
}
