package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace puts a new file in the place of the old, as most editors do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// onePhone is a phones file.
func onePhone(name string) string {
	return "phones:\n  - mac: " + vendor + "\n    name: " + name + "\n"
}

func TestPhonesFileAndPHONES(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phones.yaml")
	write(t, path, "phones:\n  - {mac: 001fc1000001, host: 10.0.0.1, name: Kitchen}\n  - {mac: 001fc1000002}\n")
	beside := phoneList{
		{MAC: "001fc1000001", Source: "PHONES", Host: "10.0.0.9"},
		{MAC: "001fc1000003", Source: "PHONES", Host: "10.0.0.3"},
	}
	got, err := phonesFile{path, beside}.read()
	want := []book.Listing{
		{MAC: "001fc1000001", Source: path, Host: "10.0.0.1", Name: "Kitchen"},
		{MAC: "001fc1000002", Source: path},
		{MAC: "001fc1000003", Source: "PHONES", Host: "10.0.0.3"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := (phonesFile{"", beside}).read(); cmp.Diff([]book.Listing(beside), got) != "" || err != nil {
		t.Errorf("without a file: got %v, %v", got, err)
	}
	for name, test := range map[string]struct {
		file phonesFile
		want string
	}{
		"no file":   {phonesFile{path: path + "x"}, "PHONE2MQTT_PHONES_FILE: expected a YAML file that can be read: open " + path + "x: no such file or directory"},
		"mistake":   {phonesFile{path: file(t, "phones:\n  - name: x\n")}, ":2: a phone without mac, expected its MAC address"},
		"same host": {phonesFile{path, phoneList{{MAC: "001fc1000004", Host: "https://10.0.0.1"}}}, "the host of 001fc1000001 is that of 001fc1000004 in PHONES too, expected every host once"},
	} {
		_, err := test.file.read()
		if err == nil || !strings.HasSuffix(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "PHONE2MQTT_PHONES_FILE: ") {
			t.Errorf("%s: got %v, want …%s", name, err, test.want)
		}
	}
}

// follower is a phones file that is followed.
type follower struct {
	names chan string // of the phones, as they are listed
	log   logText
}

func follow(t *testing.T, path string) *follower {
	t.Helper()
	f := &follower{names: make(chan string, 100)}
	file := phonesFile{path: path}
	present, err := file.read()
	if err != nil {
		t.Fatal(err)
	}
	serve := file.follow(nil, present, func(phones []book.Listing) {
		var names []string
		for _, p := range phones {
			names = append(names, p.Name)
		}
		f.names <- strings.Join(names, " ")
	}, zerolog.New(&f.log))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f
}

// wants waits for the next list.
func (f *follower) wants(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-f.names:
		if got != want {
			t.Fatalf("listed %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("nothing was listed, want %q", want)
	}
}

func TestPhonesFileIsFollowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "phones.yaml")
	write(t, path, onePhone("first"))
	f := follow(t, path)

	write(t, path, onePhone("written"))
	f.wants(t, "written")
	replace(t, path, onePhone("replaced"))
	f.wants(t, "replaced")

	// A bad file changes nothing and is told of once, however often it is touched.
	for range 3 {
		replace(t, path, "phones:\n  - name: x\n")
		<-time.After(2 * settle)
	}
	const complaint = "phones.yaml:2: a phone without mac, expected its MAC address"
	eventually(t, "the mistake is told", func() bool { return f.log.count(complaint) > 0 })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is missed", func() bool { return f.log.count("no such file") == 1 })
	replace(t, path, onePhone("replaced"))
	<-time.After(2 * settle)
	replace(t, path, onePhone("back"))
	f.wants(t, "back")
	if n := f.log.count(complaint); n != 1 {
		t.Errorf("the mistake was told %d times, want once:\n%s", n, f.log.String())
	}

	// Half a file is never read: the other half's phones would be gone.
	growing, err := os.OpenFile(path, os.O_TRUNC|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	longest := time.Duration(0)
	for _, part := range []string{"phones:\n", "  - mac: " + vendor + "\n", "    name: slowly\n", "  - mac: 001fc1000001\n", "    name: written\n"} {
		begun := time.Now()
		if _, err := growing.WriteString(part); err != nil {
			t.Fatal(err)
		}
		<-time.After(settle / 5)
		longest = max(longest, time.Since(begun))
	}
	if err := growing.Close(); err != nil {
		t.Fatal(err)
	}
	if longest > settle/2 {
		t.Skipf("this machine stood still for %s", longest)
	}
	f.wants(t, "slowly written")
	if len(f.names) > 0 {
		t.Errorf("listed once more: %q", <-f.names)
	}
}

// TestPhonesFileFromKubernetes swaps the link to a directory, as a ConfigMap's volume does: the file's
// own directory entry never changes.
func TestPhonesFileFromKubernetes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(name string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, "..v_"+name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "..v_"+name, "phones.yaml"), onePhone(name))
		next := filepath.Join(dir, "..data_tmp")
		if err := errors.Join(os.Symlink("..v_"+name, next), os.Rename(next, filepath.Join(dir, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	version("one")
	path := filepath.Join(dir, "phones.yaml")
	if err := os.Symlink(filepath.Join("..data", "phones.yaml"), path); err != nil {
		t.Fatal(err)
	}
	f := follow(t, path)
	for _, name := range []string{"two", "three"} {
		version(name)
		f.wants(t, name)
	}
	if err := os.RemoveAll(filepath.Join(dir, "..v_one")); err != nil {
		t.Fatal(err)
	}
	// A link to a file elsewhere is followed there.
	elsewhere := filepath.Join(t.TempDir(), "real.yaml")
	write(t, elsewhere, onePhone("elsewhere"))
	if err := errors.Join(os.Remove(path), os.Symlink(elsewhere, path)); err != nil {
		t.Fatal(err)
	}
	f.wants(t, "elsewhere")
	write(t, elsewhere, onePhone("there"))
	f.wants(t, "there")
}

// TestPhonesFileOfAProgram starts the daemon as a user does.
func TestPhonesFileOfAProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "phones.yaml")
	write(t, path, "phones:\n  - mac: "+vendor+"\n    pasword: "+hidden+"\n")
	broker := startEmbedded(t, "")
	settings := []string{"MQTT_URL=mqtt://" + broker.addr, "DATA_DIR=none", "PHONES_FILE=" + path, "LOG_FORMAT=json"}
	p := startProgram(t, settings...)
	<-p.ended
	const mistake = "phones.yaml:3: pasword: no such key, did you mean password?"
	want := "phone2mqtt: PHONE2MQTT_PHONES_FILE: " + filepath.Dir(path) + "/" + mistake + "\n"
	if got := p.log.String(); got != want || p.process.ProcessState.ExitCode() != 2 {
		t.Errorf("it ended with %d: %q, want 2: %q", p.process.ProcessState.ExitCode(), got, want)
	}

	write(t, path, onePhone("Kitchen"))
	intake := freeAddr(t)
	p = startProgram(t, append(settings, "HTTP_ADDR="+intake)...).live(t, intake)
	w := watch(t, broker.addr)
	w.ready(t)
	ask := func() {
		t.Helper()
		if err := p.process.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, path, "phones:\n  - mac: "+vendor+"\n    pasword: "+hidden+"\n")
	eventually(t, "the mistake is told", func() bool { return p.log.count(mistake) == 1 })
	ask()
	eventually(t, "whoever asks is told again", func() bool { return p.log.count(mistake) == 2 })
	replace(t, path, "phones:\n  - mac: 001fc1000001\n  - mac: 001fc1000002\n")
	w.last(t, "bridge/info", "two phones", func(m message) bool { return m.member("phones") == "2" })
	eventually(t, "the change is told", func() bool { return p.log.count(`"phones":2,"added":2,"changed":0,"removed":1`) == 1 })
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	log := p.log.String()
	if strings.Contains(log, hidden) || p.process.ProcessState.ExitCode() != 0 {
		t.Errorf("exit %d:\n%s", p.process.ProcessState.ExitCode(), log)
	}
}
