package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// variant is a build of the daemon in which a few lines are others. Nothing of it
// is in the program that users get: go build is given edited copies.
type variant string

const (
	asReleased variant = ""
	// slowDisk has every sync of the store take 200 ms longer.
	slowDisk variant = "slow-disk"
	// syncedCopy keeps a copy of the store as it was at its last sync, which is what a power cut leaves
	// at worst.
	syncedCopy variant = "synced-copy"
)

// edit replaces a text that stands in a file of a module exactly once.
type edit struct{ module, file, old, new string }

const (
	ours  = "github.com/phone2mqtt/phone2mqtt"
	bbolt = "go.etcd.io/bbolt"
)

var edits = map[variant][]edit{
	slowDisk: {{bbolt, "bolt_linux.go", `import (
	"syscall"
)`, `import (
	"syscall"
	"time"
)`}, {bbolt, "bolt_linux.go", "return syscall.Fdatasync", "time.Sleep(200 * time.Millisecond)\n\treturn syscall.Fdatasync"}},
	syncedCopy: {{bbolt, "bolt_linux.go", `import (
	"syscall"
)`, `import (
	"os"
	"strings"
	"syscall"
)`}, {bbolt, "bolt_linux.go", "return syscall.Fdatasync(int(db.file.Fd()))", `if err := syscall.Fdatasync(int(db.file.Fd())); err != nil || !strings.HasSuffix(db.path, "outbox.db") {
		return err
	}
	text, err := os.ReadFile(db.path)
	if err == nil {
		err = os.WriteFile(os.Getenv("SYNCED")+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(os.Getenv("SYNCED")+".new", os.Getenv("SYNCED"))
	}
	return err`}},
}

// mistakes are deliberately broken versions, by which the checks show that they can fail: each has to
// be caught.
var mistakes = map[string][]edit{
	"fsync":  {{ours, "mqtt/damage.go", "NoSync:       s.temporary,", "NoSync:       true,"}},
	"answer": {{ours, "mqtt/client.go", "c.work.promise(r, now)\n", "r.settle(nil)\n"}},
	"order": {{ours, "mqtt/queue.go", "return es[i].place < es[j].place\n}\nfunc (es entries) Swap", `return es[i].place*2654435761%1000 < es[j].place*2654435761%1000
}
func (es entries) Swap`}},
	"result": {{ours, "bridge/result.go", "func (b *Bridge) publishResult(mac phone.MAC, r payload.Result) {\n", `func (b *Bridge) publishResult(mac phone.MAC, r payload.Result) {
	b.broker.Publish(mqtt.Batch{Messages: []mqtt.Message{{Topic: b.topics.result(mac), Payload: r.JSON(), KeepFor: resultKeep}}})
`}},
	"state": {{ours, "mqtt/line.go", "	l.topics.unseen()\n", ""}},
	"twice": {{ours, "mqtt/store.go", "if err := outbox.Delete(placeKey(place)); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n\tfor key", "_ = place\n\t}\n\tfor key"}},
}

// compile builds a variant into a directory, with a mistake in it or "" for none, and returns its path.
// It has to be called below the module.
func compile(ctx context.Context, dir string, v variant, mistake string) (string, error) {
	dir = filepath.Join(dir, "build-"+string(v)+mistake)
	program := filepath.Join(dir, "phone2mqtt")
	args := []string{"build", "-trimpath", "-o", program}
	for _, module := range []string{ours, bbolt} {
		own := slices.DeleteFunc(slices.Concat(edits[v], mistakes[mistake]), func(e edit) bool { return e.module != module })
		if len(own) == 0 {
			continue
		}
		flag, err := edited(ctx, filepath.Join(dir, filepath.Base(module)), module, own)
		if err != nil {
			return "", fmt.Errorf("variant %q of the daemon, mistake %q: %w", v, mistake, err)
		}
		args = append(args, flag)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ours+"/cmd/phone2mqtt")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the daemon: %s: %w", out, err)
	}
	return program, nil
}

// edited makes a module with edits, and returns the flag by which go build takes it.
func edited(ctx context.Context, dir, module string, edits []edit) (flag string, err error) {
	home, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", module, err)
	}
	source := strings.TrimSpace(string(home))
	if module == ours {
		return overlay(source, dir, edits)
	}
	// Files of the module cache cannot be overlaid: a copy of the whole module replaces it.
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		return "", err
	}
	for _, e := range edits {
		path := filepath.Join(dir, e.file)
		text, err := e.apply(path)
		if err == nil {
			err = errors.Join(os.Remove(path), os.WriteFile(path, text, 0o600))
		}
		if err != nil {
			return "", err
		}
	}
	return replacing(ctx, dir, module)
}

// replacing writes a go.mod by which a directory replaces a module.
func replacing(ctx context.Context, dir, module string) (flag string, err error) {
	own, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.GoMod}}").Output()
	if err != nil {
		return "", fmt.Errorf("find go.mod: %w", err)
	}
	path := strings.TrimSpace(string(own))
	mod, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(strings.TrimSuffix(path, "mod") + "sum")
	if err != nil {
		return "", err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => %s\n", module, dir)
	return "-modfile=" + dir + ".mod", errors.Join(os.WriteFile(dir+".mod", mod, 0o600), os.WriteFile(dir+".sum", sum, 0o600))
}

// overlay writes edited copies of files, and the list of them that go build reads.
func overlay(source, dir string, edits []edit) (flag string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	replaced := make(map[string]string)
	for i, e := range edits {
		path := filepath.Join(source, e.file)
		text, err := e.apply(path)
		if err != nil {
			return "", err
		}
		replaced[path] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(replaced[path], text, 0o600); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return "-overlay=" + path, os.WriteFile(path, list, 0o600)
}

// apply is the text of a file with the edit.
func (e edit) apply(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.Count(text, []byte(e.old)) != 1 {
		return nil, errors.New(e.file + " has changed: what is to be replaced does not stand there once")
	}
	return bytes.Replace(text, []byte(e.old), []byte(e.new), 1), nil
}
