package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// secretFile is a file with a secret, and the variable that leads to it.
type secretFile struct{ variable, path string }

// warnOfLooseFiles tells, once for each file with a secret that more people may read than need to, who
// they are and what mends it, and the same of the store. Never of what only looks loose: see [looseness].
func (c *config) warnOfLooseFiles(log zerolog.Logger) {
	for _, f := range c.secretFiles() {
		f.warn(log, " on this machine may read a file with a secret")
	}
	if c.DataDir != "" {
		// Made for its owner alone; one that was put back from a backup may be for all.
		secretFile{"DATA_DIR", mqtt.StoreFile(string(c.DataDir))}.warn(log, " on this machine may read the store, which tells who called whom")
	}
}

func (f secretFile) warn(log zerolog.Logger, may string) {
	if who, cure := looseness(f.path, os.Geteuid()); who != "" {
		log.Warn().Str("variable", prefix+"_"+f.variable).Str("file", f.path).Str("cure", cure).Msg(who + may)
	}
}

// password is where a phones file holds one itself.
var password = regexp.MustCompile(`\bpassword['"]?\s*:`)

// secretFiles are all files with secrets that the settings name, those in the phones file included.
func (c *config) secretFiles() []secretFile {
	files := []secretFile{
		{"MQTT_PASSWORD_FILE", c.MQTT.PasswordFile},
		{"PHONE_PASSWORD_FILE", c.Phone.PasswordFile},
		{"HTTP_TOKEN_FILE", c.HTTP.TokenFile},
		{"MQTT_KEY_FILE", c.MQTT.KeyFile},
		{"HTTP_KEY_FILE", c.HTTP.KeyFile},
	}
	// One that cannot be read, or understood, ends the start elsewhere.
	if text, err := os.ReadFile(c.PhonesFile); err == nil {
		if password.Match(text) {
			files = append(files, secretFile{"PHONES_FILE", c.PhonesFile})
		}
		_, _ = book.ParseFile(c.PhonesFile, text, func(path string) ([]byte, error) {
			content, err := os.ReadFile(path)
			if !bytes.Contains(content, []byte("BEGIN CERTIFICATE")) {
				files = append(files, secretFile{"PHONES_FILE", path})
			}
			return content, err
		})
	}
	return slices.DeleteFunc(files, func(f secretFile) bool { return f.path == "" })
}

// looseness tells who may read or change a file beside those who have to, in words, and what to do; empty
// when nobody may. Four are left alone:
//
//   - what a container engine hands in below /run/secrets (0444, which nobody can change there),
//   - what lies in a folder that nobody else may enter, as the store does,
//   - what lies on a read-only mount, as Kubernetes mounts its secrets (0644),
//   - the group of a file that is not ours: it is how we come to read it.
//
// The user is the one that we run as. Where a system has no such permissions nobody is told of.
func looseness(path string, user int) (who, cure string) {
	actual, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", ""
	}
	if absolute, err := filepath.Abs(actual); err == nil {
		actual = absolute
	}
	info, err := os.Stat(actual)
	if err != nil || handedIn(actual) {
		return "", ""
	}
	folder, err := os.Stat(filepath.Dir(actual))
	if err != nil {
		return "", ""
	}
	const group, others fs.FileMode = 0o060, 0o006
	mode := info.Mode().Perm()
	switch enter := folder.Mode().Perm(); {
	case enter&0o011 == 0:
		mode &^= group | others
	case enter&0o001 == 0:
		mode &^= others
	}
	switch mine := ours(info, user); {
	case mode&others != 0 && mine:
		return "everybody", "chmod 600 " + path
	case mode&others != 0:
		return "everybody", "chmod o-rwx " + path
	case mode&group != 0 && mine:
		return "a group", "chmod 600 " + path
	}
	return "", ""
}

// handedIn tells that a file's permissions are somebody else's affair, who gave it to a container.
func handedIn(path string) bool {
	return strings.HasPrefix(path, "/run/secrets/") || strings.HasPrefix(path, "/var/run/secrets/") || !mendable(path)
}
