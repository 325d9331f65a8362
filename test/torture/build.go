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

// compile builds a variant into a directory, with a mistake in it or "" for none, and returns its path.
// It has to be called below the module.
func compile(ctx context.Context, dir string, v variant, mistake string) (string, error) {
	dir = filepath.Join(dir, "build-"+string(v)+mistake)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "daemon")
	flags, err := changed(ctx, dir, slices.Concat(edits[v], mistakes[mistake]))
	if err != nil {
		return "", fmt.Errorf("variant %q of the daemon, mistake %q: %w", v, mistake, err)
	}
	args := slices.Concat([]string{"build", "-trimpath", "-o", program}, flags, []string{ours + "/cmd/phone2mqtt"})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the daemon: %s: %w", out, err)
	}
	return program, nil
}

// changed returns the flags by which go build takes edited copies in place of files.
func changed(ctx context.Context, dir string, edits []edit) (flags []string, err error) {
	var foreign []edit
	overlaid := make(map[string]string)
	for i, e := range edits {
		if e.module == bbolt {
			foreign = append(foreign, e)
			continue
		}
		home, err := homeOf(ctx, e.module)
		if err != nil {
			return nil, err
		}
		path, edited := filepath.Join(home, e.file), filepath.Join(dir, fmt.Sprintf("%d.go", i))
		overlaid[path] = edited
		if err := e.apply(path, edited); err != nil {
			return nil, err
		}
	}
	if len(foreign) > 0 {
		flag, err := replaced(ctx, filepath.Join(dir, "bbolt"), foreign)
		if err != nil {
			return nil, err
		}
		flags = append(flags, flag)
	}
	list, err := json.Marshal(map[string]any{"Replace": overlaid})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "overlay.json")
	return append(flags, "-overlay="+path), os.WriteFile(path, list, 0o600)
}

// replaced makes an edited copy of a module, for files of the module cache cannot be overlaid, and
// writes a go.mod by which it replaces the module.
func replaced(ctx context.Context, dir string, edits []edit) (flag string, err error) {
	home, err := homeOf(ctx, bbolt)
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, os.DirFS(home)); err != nil {
		return "", err
	}
	for _, e := range edits {
		path := filepath.Join(dir, e.file)
		// What is copied from there is read-only.
		if err := errors.Join(os.Chmod(path, 0o600), e.apply(path, path)); err != nil {
			return "", err
		}
	}
	home, err = homeOf(ctx, ours)
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(home, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(home, "go.sum"))
	if err != nil {
		return "", err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => %s\n", bbolt, dir)
	return "-modfile=" + dir + ".mod", errors.Join(os.WriteFile(dir+".mod", mod, 0o600), os.WriteFile(dir+".sum", sum, 0o600))
}

// homeOf is where the sources of a module are.
func homeOf(ctx context.Context, module string) (string, error) {
	args := []string{"list", "-m", "-f", "{{.Dir}}", module}
	if module == standard {
		args = []string{"env", "GOROOT"}
	}
	out, err := exec.CommandContext(ctx, "go", args...).Output()
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", module, err)
	}
	home := strings.TrimSpace(string(out))
	if module == standard {
		home = filepath.Join(home, "src")
	}
	return home, nil
}

// apply writes the text of a file with the edit.
func (e edit) apply(from, to string) error {
	var text []byte
	if e.old != "" {
		var err error
		if text, err = os.ReadFile(from); err != nil {
			return err
		}
		if bytes.Count(text, []byte(e.old)) != 1 {
			return errors.New(e.file + " has changed: what is to be replaced does not stand there once")
		}
	}
	text = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	return os.WriteFile(to, text, 0o600)
}
