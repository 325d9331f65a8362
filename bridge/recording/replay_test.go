package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

var update = flag.Bool("update", false, "write the goldens anew")

// file is a recording of one phone as text: a head and its requests.
func file(t *testing.T, mac string, requests ...string) string {
	t.Helper()
	text := `{"recording":1,"t":"10s","version":"1","mac":"` + mac + `","default_event":"incoming_call","ring_limit":"3m","talk_limit":"12h","repeat_window":"2s"}` + "\n"
	for _, r := range requests {
		at, target, _ := strings.Cut(r, " ")
		since, err := time.ParseDuration(at)
		if err != nil {
			t.Fatal(err)
		}
		text += string(encode(entry{At: elapsed(since), Request: []byte("GET " + target + " HTTP/1.1")}))
	}
	return text
}

func read(t *testing.T, texts ...string) []Line {
	t.Helper()
	var all []Line
	for _, text := range texts {
		found, err := Read(strings.NewReader(text), func(line int, err error) { t.Errorf("line %d: %v", line, err) })
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// told is a replay in short: what each line tells, and when.
func told(t *testing.T, lines []Line, realTime bool) []string {
	t.Helper()
	var all []string
	err := Replay(t.Context(), lines, realTime, func(trail Trail) error {
		var object struct {
			Type      string `json:"event_type"`
			CallState string `json:"call_state"`
			Result    string `json:"result"`
			MAC       string `json:"mac"`
		}
		what := trail.Refused
		for _, text := range []json.RawMessage{trail.State, trail.Event} {
			if text == nil {
				continue
			}
			if err := json.Unmarshal(text, &object); err != nil {
				t.Fatal(err)
			}
			what = strings.Join(strings.Fields(object.Type+" "+object.CallState+" "+object.Result), " ")
		}
		if trail.Repeat != phone.NoEvent {
			what = "repeats " + trail.Repeat.String()
		}
		if trail.Full {
			what = "full"
		}
		at, _ := trail.At.MarshalJSON()
		all = append(all, string(at)+" "+what)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// aCall rings, is told twice, is given up, and nobody says that it was missed.
var aCall = []string{
	"10s /incoming_call?call_id=a1&remote=206",
	"10.5s /incoming_call?call_id=a1&remote=206",
	"12.25s /call_remote_canceled?call_id=a1",
	"13s /incomming_cal",
}

func TestReplay(t *testing.T) {
	want := []string{
		"0 ringing", "0 incoming_call ringing",
		"0.5 repeats incoming_call",
		"2.25 idle", "2.25 call_remote_canceled idle", "2.25 call_ended idle missed",
		`3 "incomming_cal" is no event; the nearest is incoming_call`,
		"4.25 idle", "4.25 missed_call idle",
	}
	if diff := cmp.Diff(want, told(t, read(t, file(t, "001fc11a8b6c", aCall...)), false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplaySilence ends a call of which nothing more was recorded.
func TestReplaySilence(t *testing.T) {
	got := told(t, read(t, file(t, "001fc11a8b6c", "10s /incoming_call?remote=206", "11s /call_established")), false)
	want := []string{"0 ringing", "0 incoming_call ringing", "1 talking", "1 call_established talking", "43201 idle", "43201 call_ended idle unknown"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplaySeveral merges files by time, whatever their order: two phones, and the second day of one.
func TestReplaySeveral(t *testing.T) {
	firstDay := file(t, "001fc1000001", "10s /incoming_call?remote=206", "14s /call_established")
	secondDay := strings.Replace(file(t, "001fc1000001", "24h /off_hook", "25h /on_hook"), `"t":"10s"`, `"t":"24h"`, 1)
	secondDay = strings.Replace(secondDay, `"talk_limit":"12h"`, `"talk_limit":"12h","state":{"calls":[{"state":"talking","remote":{},"local":{},"started_at":"2030-01-01T23:59:00Z","heard_at":"2030-01-01T23:59:00Z"}]}`, 1)
	other := file(t, "001fc1000002", "12s /dnd_on")
	got := told(t, read(t, secondDay, other, firstDay), false)
	want := []string{
		"0 ringing", "0 incoming_call ringing",
		"2 idle", "2 dnd_on idle",
		"4 talking", "4 call_established talking",
		"43204 idle", "43204 call_ended idle unknown",
		"86390 talking", "86390 off_hook talking",
		"89990 idle", "89990 on_hook idle", "89990 call_ended idle unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTrailLine is what a replay prints, byte for byte.
func TestTrailLine(t *testing.T) {
	var out bytes.Buffer
	printer := json.NewEncoder(&out)
	printer.SetEscapeHTML(false)
	text := file(t, "001fc11a8b6c", `10s /incoming_call?remote=206&display_remote=A","time":"2030-01-01T00:00:00.000Z`) + `{"t":"1h","dropped":2,"full":true}` + "\n"
	if err := Replay(t.Context(), read(t, text), false, func(trail Trail) error { return printer.Encode(trail) }); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "trail.jsonl")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRealTime lets the time of the recording pass, and ends when it is told to.
func TestRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		lines := read(t, file(t, "001fc11a8b6c", aCall...))
		err := Replay(t.Context(), lines, true, func(trail Trail) error {
			if passed := time.Since(begun); passed != time.Duration(trail.At) {
				t.Errorf("after %v what is of %v", passed, time.Duration(trail.At))
			}
			return nil
		})
		if passed := time.Since(begun); err != nil || passed != 4250*time.Millisecond {
			t.Errorf("it took %v: %v", passed, err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Replay(ctx, lines, true, func(Trail) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("when its time is over: %v", err)
		}
	})
}

func TestReplayStops(t *testing.T) {
	lines := read(t, file(t, "001fc11a8b6c", aCall...))
	closed := errors.New("nobody listens")
	if err := Replay(t.Context(), lines, false, func(Trail) error { return closed }); !errors.Is(err, closed) {
		t.Errorf("got %v", err)
	}
	if err := Replay(t.Context(), nil, false, nil); err != nil {
		t.Errorf("nothing to replay: %v", err)
	}
}

// TestRead names what it cannot read, and goes on.
func TestRead(t *testing.T) {
	good := file(t, "001fc11a8b6c", "10s /hold")
	head, request, _ := strings.Cut(strings.TrimSpace(good), "\n")
	for _, c := range []struct {
		what, text string
		lines      int
		damaged    map[int]string
	}{
		{"nothing", "", 0, nil},
		{"without a line end", head + "\n" + request, 2, nil},
		{"Windows line ends", head + "\r\n\r\n" + request + "\r\n", 2, nil},
		{"request before the head", request + "\n" + good, 2, map[int]string{1: errNoHead.Error()}},
		{"a newer form", strings.Replace(head, `"recording":1`, `"recording":2`, 1) + "\n", 0, map[int]string{1: errNewer.Error()}},
		{"no JSON", good + "half\n" + request, 3, map[int]string{3: errForm.Error()}},
		{"cut short", good + request[:20] + "\n\n" + good, 4, map[int]string{3: errForm.Error()}},
		{"no request", good + `{"t":"1s"}`, 2, map[int]string{3: errForm.Error()}},
		{"no request line", good + `{"t":"1s","request":"aGVsbG8="}`, 2, map[int]string{3: "its request is not a request line"}},
		{"unknown charset", good + strings.Replace(request, `"t"`, `"charset":"klingon","t"`, 1), 2, map[int]string{3: "unknown charset"}},
		{"MAC", strings.Replace(head, "001fc11a8b6c", "kitchen", 1), 0, map[int]string{1: phone.ErrMAC.Error()}},
		{"state", strings.Replace(head, `"t"`, `"state":7,"t"`, 1), 0, map[int]string{1: "its state"}},
		{"more calls than there can be", strings.Replace(head, `"t"`, `"state":{"calls":[`+strings.Repeat("{},", phone.MostCalls)+`{}]},"t"`, 1), 0, map[int]string{1: "its state"}},
		{"too long", good + strings.Repeat("x", longestLine) + "\n" + request + "\n", 3, map[int]string{3: errLong.Error()}},
		{"full", good + `{"t":"1s","full":true}`, 3, nil},
	} {
		damaged := make(map[int]string)
		found, err := Read(strings.NewReader(c.text), func(line int, err error) { damaged[line] = err.Error() })
		for line, text := range damaged {
			if want, ok := c.damaged[line]; !ok || !strings.Contains(text, want) {
				t.Errorf("%s: line %d: %s, want %q", c.what, line, text, want)
			}
		}
		if err != nil || len(found) != c.lines || len(damaged) != len(c.damaged) {
			t.Errorf("%s: %d lines, damaged %v, %v", c.what, len(found), damaged, err)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := Read(failing{broken}, func(int, error) {}); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestTimeRunsForward reads a file whose second process began with a clock that was behind.
func TestTimeRunsForward(t *testing.T) {
	found := read(t, file(t, "001fc11a8b6c", "20s /hold", "5s /unhold", "30s /hold"))
	var got []time.Duration
	for _, line := range found {
		got = append(got, line.At/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{10, 20, 20, 30}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzRead reads and replays anything: both end, and what is told is JSON.
func FuzzRead(f *testing.F) {
	head := `{"recording":1,"t":"10s","mac":"001fc11a8b6c","default_event":"incoming_call","ring_limit":"3m","talk_limit":"12h","repeat_window":"2s"}`
	request := string(encode(entry{At: 1, Request: []byte("GET /incoming_call?remote=206 HTTP/1.1")}))
	f.Add([]byte(head + "\n" + request + request))
	f.Add([]byte(request))
	f.Add([]byte(strings.Replace(head, `"t"`, `"state":{"calls":[{"state":"ringing","heard_at":"0001-01-01T00:00:00Z"},{"state":"talking","heard_at":"9999-01-01T00:00:00Z"}],"ended":[{"result":"missed"}]},"t"`, 1)))
	f.Add([]byte(strings.Replace(head, `"12h"`, `"-2562047h"`, 1) + "\n" + request))
	f.Add([]byte(strings.ReplaceAll(head, `10s`, `2562047h47m`) + "\n" + request))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := Read(bytes.NewReader(text), func(line int, err error) {
			if line < 1 || err == nil {
				t.Errorf("line %d: %v", line, err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 100 {
			return
		}
		if err := Replay(t.Context(), found, false, func(trail Trail) error {
			_, err := json.Marshal(trail)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}
