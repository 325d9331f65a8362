package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// looseWarnings are the variable, file and cure of each warning of a start.
func looseWarnings(t *testing.T, settings map[string]string) [][3]string {
	t.Helper()
	environment(t, settings)
	c, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c.warnOfLooseFiles(zerolog.New(&log))
	var told [][3]string
	for line := range bytes.Lines(log.Bytes()) {
		var w struct{ Level, Variable, File, Cure string }
		if err := json.Unmarshal(line, &w); err != nil || w.Level != "warn" {
			t.Errorf("%s: %v", line, err)
		}
		told = append(told, [3]string{w.Variable, w.File, w.Cure})
	}
	if bytes.Contains(log.Bytes(), []byte(hidden)) {
		t.Errorf("a secret is logged: %s", log.Bytes())
	}
	return told
}

// openFolder is one that everybody may enter, whatever the umask is.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// secretIn writes a secret into a file with these permissions.
func secretIn(t *testing.T, dir, name, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	// Whatever the umask is.
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLooseFiles wants each file with a secret that others may read named once, with its variable and
// what to do, and those that only we may read, or that hold none, left alone.
func TestLooseFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("permissions of Linux")
	}
	dir := openFolder(t)
	everybody := secretIn(t, dir, "mqtt", hidden, 0o644)
	group := secretIn(t, dir, "phone", hidden, 0o640)
	written := secretIn(t, dir, "token", hidden+"-0123456789", 0o602)
	beside := secretIn(t, dir, "beside", hidden, 0o604)
	secretIn(t, dir, "tight", hidden, 0o400)
	authority, _ := certificate(t)
	content, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	secretIn(t, dir, "ca.pem", string(content), 0o644)
	phones := secretIn(t, dir, "phones.yaml", `phones:
- {mac: 001fc11a8b6c, password_file: beside}
- {mac: 001fc11a8b6d, password_file: tight, host: https://10.0.0.1, ca_file: ca.pem}
`, 0o644)
	got := looseWarnings(t, map[string]string{
		"MQTT_USERNAME": "bridge", "MQTT_PASSWORD_FILE": everybody, "PHONE_PASSWORD_FILE": group, "HTTP_TOKEN_FILE": written, "PHONES_FILE": phones,
	})
	want := [][3]string{
		{"PHONE2MQTT_MQTT_PASSWORD_FILE", everybody, "chmod 600 " + everybody},
		{"PHONE2MQTT_PHONE_PASSWORD_FILE", group, "chmod 600 " + group},
		{"PHONE2MQTT_HTTP_TOKEN_FILE", written, "chmod 600 " + written},
		{"PHONE2MQTT_PHONES_FILE", beside, "chmod 600 " + beside},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}

	tight := secretIn(t, dir, "mqtt2", hidden, 0o600)
	phones = secretIn(t, dir, "phones2.yaml", "phones:\n- {mac: 001fc11a8b6c, \"password\": "+hidden+"}\n", 0o644)
	got = looseWarnings(t, map[string]string{"MQTT_USERNAME": "bridge", "MQTT_PASSWORD_FILE": tight, "PHONES_FILE": phones})
	if diff := cmp.Diff([][3]string{{"PHONE2MQTT_PHONES_FILE", phones, "chmod 600 " + phones}}, got); diff != "" {
		t.Errorf("warnings of a password in the phones file (-want +got):\n%s", diff)
	}
	if got := looseWarnings(t, nil); got != nil {
		t.Errorf("warned without a file: %q", got)
	}

	store := secretIn(t, dir, "outbox.db", "", 0o644)
	got = looseWarnings(t, map[string]string{"DATA_DIR": dir})
	if diff := cmp.Diff([][3]string{{"PHONE2MQTT_DATA_DIR", store, "chmod 600 " + store}}, got); diff != "" {
		t.Errorf("warnings of the store (-want +got):\n%s", diff)
	}
}

// TestLooseFilesOfARun wants the warnings in the log of the program.
func TestLooseFilesOfARun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("permissions of Linux")
	}
	dir, addr := openFolder(t), freeAddr(t)
	token := secretIn(t, dir, "token", hidden+"-0123456789", 0o644)
	secretIn(t, dir, "outbox.db", "", 0o644) // an empty file is a new store
	p := startProgram(t, "MQTT_URL=mqtt://127.0.0.1:1", "HTTP_ADDR="+addr, "DATA_DIR="+dir, "HTTP_TOKEN_FILE="+token).live(t, addr)
	for _, what := range []string{"a file with a secret", "the store, which tells who called whom"} {
		eventually(t, "a warning of "+what, func() bool { return p.log.count("everybody on this machine may read "+what) == 1 })
	}
}

// TestLooseness wants nobody told of what cannot be mended, or is as it should be.
func TestLooseness(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("permissions of Linux")
	}
	dir, me := openFolder(t), os.Geteuid()
	stranger := me + 1000
	for _, test := range []struct {
		mode      fs.FileMode
		user      int
		who, cure string
	}{
		{0o600, me, "", ""},
		{0o640, me, "a group", "chmod 600 "},
		{0o620, me, "a group", "chmod 600 "},
		{0o644, me, "everybody", "chmod 600 "},
		{0o640, stranger, "", ""}, // of root, and of the service's group
		{0o644, stranger, "everybody", "chmod o-rwx "},
		{0o644, 0, "everybody", "chmod 600 "},
	} {
		path := secretIn(t, dir, "secret", hidden, test.mode)
		if test.cure != "" {
			test.cure += path
		}
		if who, cure := looseness(path, test.user); who != test.who || cure != test.cure {
			t.Errorf("%o of user %d, for user %d: %q, %q, want %q, %q", test.mode, me, test.user, who, cure, test.who, test.cure)
		}
		link := filepath.Join(dir, "link")
		if err := os.Symlink(path, link); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		if who, _ := looseness(link, test.user); who != test.who {
			t.Errorf("%o by a link: %q, want %q", test.mode, who, test.who)
		}
	}
	path := secretIn(t, dir, "secret", hidden, 0o664)
	for mode, want := range map[fs.FileMode]string{0o755: "everybody", 0o701: "everybody", 0o750: "a group", 0o700: "", 0o766: ""} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if who, _ := looseness(path, me); who != want {
			t.Errorf("in a folder with %o: %q, want %q", mode, who, want)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/run/secrets/mqtt": true, "/var/run/secrets/a/b": true, "/run/secrets-of-mine": false, filepath.Join(dir, "secret"): false,
	} {
		if got := handedIn(path); got != want {
			t.Errorf("%s: handed in %t, want %t", path, got, want)
		}
	}
}
