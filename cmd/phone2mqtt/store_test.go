package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
)

// storeLines are the lines of a dump.
func storeLines(t *testing.T, dump string) (lines []storeLine) {
	t.Helper()
	for text := range strings.Lines(dump) {
		var line storeLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

// said is how a call of the program ended.
type said struct {
	stdout, stderr string
	code           int
}

// callStore runs `phone2mqtt store` as a user does.
func callStore(t *testing.T, settings []string, args ...string) said {
	t.Helper()
	process := exec.Command(os.Args[0], append([]string{"store"}, args...)...)
	process.Env = []string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE")}
	for _, s := range settings {
		process.Env = append(process.Env, prefix+"_"+s)
	}
	process.Dir = t.TempDir()
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	if err := process.Run(); process.ProcessState == nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(process.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("store %q left %v behind, %v", args, left, err)
	}
	return said{stdout.String(), stderr.String(), process.ProcessState.ExitCode()}
}

// TestStoreDump has a store of an earlier version printed, by each of the ways to name it.
func TestStoreDump(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "store", "v1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	dir := storeOf(t, "v1")
	file := filepath.Join(dir, "outbox.db")
	before := read(t, file)
	for name, got := range map[string]said{
		"file":     callStore(t, nil, "dump", file),
		"folder":   callStore(t, nil, "dump", dir),
		"DATA_DIR": callStore(t, []string{"DATA_DIR=" + dir}, "dump"),
	} {
		if diff := cmp.Diff(said{stdout: string(want)}, got, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
	if !bytes.Equal(before, read(t, file)) {
		t.Error("the file has changed")
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestStoreCheck(t *testing.T) {
	dir := storeOf(t, "v1")
	file := filepath.Join(dir, "outbox.db")
	before := read(t, file)
	got := callStore(t, nil, "check", dir)
	got.stdout = regexp.MustCompile(`for \S+`).ReplaceAllString(got.stdout, "for AGE")
	want := said{stdout: `file       ` + file + `
size       64.0 KiB, 32.0 KiB of it free
schema     1
waiting    9, 4.2 KiB, the oldest for AGE
set aside  2, 0.9 KiB
records    4, 2.3 KiB
sound
`}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(said{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !bytes.Equal(before, read(t, file)) {
		t.Error("the file has changed")
	}
}

// TestStoreIsUnsound spoils a store, and has each call tell it in one line, exit 1, and change nothing. No
// text: the call does what it is for.
func TestStoreIsUnsound(t *testing.T) {
	const damaged, newer = "file is damaged", "written by a newer version of this program: its schema is 2, known are those up to 1"
	page := os.Getpagesize()
	for name, tt := range map[string]struct {
		spoil                func(file []byte) []byte
		check, dump, compact string
	}{
		"empty":   {func([]byte) []byte { return nil }, damaged, damaged, damaged},
		"foreign": {func([]byte) []byte { return bytes.Repeat([]byte("foreign "), 4000) }, damaged, damaged, damaged},
		"cut":     {func(f []byte) []byte { return f[:3*page] }, damaged, damaged, damaged},
		"pages":   {func(f []byte) []byte { clear(f[2*page:]); return f }, damaged, damaged, damaged},
		"newer":   {newerSchema, newer, newer, newer},
		"half header": {func(f []byte) []byte { clear(f[:page]); return f },
			"one of the two headers is damaged, what was stored last may be missing", "", damaged},
		"a letter changed": {changedLetter, "some of it cannot be read", "store: unreadable: 1, each with its bytes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(storeOf(t, "v1"), "outbox.db")
			spoilt := tt.spoil(read(t, file))
			for do, want := range map[string]string{"check": tt.check, "dump": tt.dump, "compact": tt.compact} {
				if err := os.WriteFile(file, spoilt, 0o600); err != nil {
					t.Fatal(err)
				}
				got := callStore(t, nil, do, file)
				if want == "" {
					if got.code != 0 || got.stderr != "" {
						t.Errorf("%s: exit %d, %q", do, got.code, got.stderr)
					}
					continue
				}
				if got.code != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, want) {
					t.Errorf("%s: exit %d, %q, want 1 and %q", do, got.code, got.stderr, want)
				}
				if !bytes.Equal(spoilt, read(t, file)) {
					t.Errorf("%s has changed the file", do)
				}
			}
			if all, err := filepath.Glob(file + "*"); err != nil || len(all) != 1 {
				t.Errorf("in the folder: %q %v", all, err)
			}
		})
	}
}

// changedLetter spoils one message, on each page that has it.
func changedLetter(file []byte) []byte {
	return bytes.ReplaceAll(file, []byte(`"off_hook"`), []byte(`"off_hoox"`))
}

// newerSchema has each page that tells the schema tell the next one.
func newerSchema(file []byte) []byte {
	return bytes.ReplaceAll(file, []byte("schema\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("schema\x00\x00\x00\x00\x00\x00\x00\x02"))
}

// TestStoreDumpTellsUnreadable has one message with a changed letter: it is there with its bytes, and so
// are all others.
func TestStoreDumpTellsUnreadable(t *testing.T) {
	dir := storeOf(t, "v1")
	file := filepath.Join(dir, "outbox.db")
	if err := os.WriteFile(file, changedLetter(read(t, file)), 0o600); err != nil {
		t.Fatal(err)
	}
	want := storeLines(t, string(read(t, filepath.Join("testdata", "store", "v1.jsonl"))))
	got := storeLines(t, callStore(t, nil, "dump", file).stdout)
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range want {
		if strings.Contains(string(want[i].Payload), `"event_type":"off_hook"`) {
			if !got[i].Unreadable || got[i].Place != want[i].Place || !bytes.Contains(got[i].Bytes, []byte("off_hoox")) {
				t.Errorf("the spoilt one: %+v", got[i])
			}
			continue
		}
		if want[i].Kind != mqtt.OfOwner {
			if diff := cmp.Diff(want[i], got[i]); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// TestStoreDumpOfDamagedFile has both headers gone: all is there still, and said to be perhaps of long ago.
func TestStoreDumpOfDamagedFile(t *testing.T) {
	dir := storeOf(t, "v1")
	file := filepath.Join(dir, "outbox.db")
	spoilt := read(t, file)
	clear(spoilt[:2*4096])
	if err := os.WriteFile(file, spoilt, 0o600); err != nil {
		t.Fatal(err)
	}
	got := callStore(t, nil, "dump", file)
	if got.code != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, "file is damaged; pages or values passed over: 2, ") ||
		!strings.Contains(got.stderr, "; stray: ") {
		t.Errorf("exit %d, %q", got.code, got.stderr)
	}
	there := map[string]bool{}
	for _, line := range storeLines(t, got.stdout) {
		if line.Kind != mqtt.Stray || line.Unreadable {
			t.Errorf("%+v", line)
		}
		there[line.Topic+line.Key+string(line.Payload)] = true
	}
	for _, want := range storeLines(t, string(read(t, filepath.Join("testdata", "store", "v1.jsonl")))) {
		if !there[want.Topic+want.Key+string(want.Payload)] {
			t.Errorf("not there: %+v", want)
		}
	}
}

// TestStoreIsHeld asks for the store of a running daemon: each call says so within about a second, and
// the daemon goes on.
func TestStoreIsHeld(t *testing.T) {
	broker := startEmbedded(t, "")
	dir, intake := filepath.Join(t.TempDir(), "data"), freeAddr(t)
	p := startProgram(t, "MQTT_URL=mqtt://"+broker.addr, "HTTP_ADDR="+intake, "DATA_DIR="+dir).live(t, intake)
	for _, do := range []string{"check", "dump", "compact"} {
		begun := time.Now()
		got := callStore(t, nil, do, dir)
		want := said{stderr: "phone2mqtt: store " + filepath.Join(dir, "outbox.db") + ": store is in use by another process: stop the daemon first\n", code: 1}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", do, diff)
		}
		// It gives up after a second; the rest is what a busy machine may need to start a process.
		if took := time.Since(begun); took > patience {
			t.Errorf("%s took %s", do, took)
		}
		if status := p.get(t, "/off_hook?mac="+vendor); status != 200 {
			t.Errorf("after %s the daemon answers %d", do, status)
		}
	}
	p.kill()
	if got := callStore(t, nil, "check", dir); got.code != 0 {
		t.Errorf("after the daemon's end: %+v", got)
	}
}

// TestStoreCompact makes a large file small, and all is in it as it was.
func TestStoreCompact(t *testing.T) {
	dir := storeOf(t, "v1")
	file := filepath.Join(dir, "outbox.db")
	grow(t, dir)
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	want := callStore(t, nil, "dump", dir)
	before := len(read(t, file))
	got := callStore(t, nil, "compact", dir)
	if got.code != 0 || !regexp.MustCompile(`^\d+\.\d MiB before, \d+\.\d KiB after\n$`).MatchString(got.stdout) || got.stderr != "" {
		t.Errorf("compact: %+v", got)
	}
	if after := len(read(t, file)); after > before/4 {
		t.Errorf("%d bytes, before %d", after, before)
	}
	if diff := cmp.Diff(want, callStore(t, nil, "dump", dir), cmp.AllowUnexported(said{})); diff != "" {
		t.Errorf("the dump is another one:\n%s", diff)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if all, err := filepath.Glob(file + "*"); err != nil || len(all) != 1 {
		t.Errorf("in the folder: %q %v", all, err)
	}
}

// grow has the store in dir become large: 5 MiB, which the program leaves as they are.
func grow(t *testing.T, dir string) {
	t.Helper()
	store, err := mqtt.OpenStore(dir, mqtt.StoreOptions{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	client := mqtt.NewClient(mqtt.Config{}, store)
	client.Publish(mqtt.Batch{Records: []mqtt.Record{{Key: "large", Value: make([]byte, 5<<20)}}})
	if err := client.Run(t.Context()); err == nil { // without a broker it only stores
		t.Fatal("a client without a broker ran")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if store, err = mqtt.OpenStore(dir, mqtt.StoreOptions{Log: zerolog.Nop()}); err != nil {
		t.Fatal(err)
	}
	client = mqtt.NewClient(mqtt.Config{}, store)
	client.Publish(mqtt.Batch{Records: []mqtt.Record{{Key: "large"}}})
	_ = client.Run(t.Context())
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStoreCalls(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for name, tt := range map[string]struct {
		settings, args []string
		want           said
	}{
		"nothing":      {nil, nil, said{code: 2, stderr: "store: expected check, dump or compact, and [FILE or DATA_DIR]"}},
		"unknown":      {nil, []string{"repair"}, said{code: 2, stderr: `store: "repair" is unexpected, expected check, dump or compact, and [FILE or DATA_DIR]`}},
		"too much":     {nil, []string{"check", "a", "b"}, said{code: 2, stderr: `store check: "b" is unexpected, expected one FILE or DATA_DIR`}},
		"temporary":    {[]string{"DATA_DIR=none"}, []string{"check"}, said{code: 2, stderr: "store: DATA_DIR is none, which leaves nothing to look at; expected FILE or DATA_DIR"}},
		"configured":   {[]string{"RING_LIMIT=1"}, []string{"check"}, said{code: 2, stderr: prefix + `_RING_LIMIT: "1" is no duration, expected a number with its unit such as 500ms, 30s or 12h`}},
		"no file":      {nil, []string{"check", nowhere}, said{code: 1, stderr: "there is no store " + nowhere}},
		"no dump":      {nil, []string{"dump", nowhere}, said{code: 1, stderr: "there is no store " + nowhere}},
		"no compact":   {nil, []string{"compact", nowhere}, said{code: 1, stderr: "there is no store " + nowhere}},
		"by default":   {nil, []string{"check"}, said{code: 1, stderr: "there is no store data"}},
		"empty folder": {nil, []string{"compact", t.TempDir()}, said{code: 1, stderr: "there is no store "}},
		"no such file": {nil, []string{"check", os.DevNull}, said{code: 1, stderr: "store " + os.DevNull + ": it is no file"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := callStore(t, tt.settings, tt.args...)
			line := strings.TrimPrefix(strings.TrimSuffix(got.stderr, "\n"), "phone2mqtt: ")
			if got.code != tt.want.code || !strings.HasPrefix(line, tt.want.stderr) || got.stdout != "" || strings.Contains(line, "\n") {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if _, err := os.Stat(nowhere); err == nil {
		t.Error("a store was made")
	}
}
