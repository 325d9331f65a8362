// Command licenses lists the modules that the released programs are built of, each with its licence as
// the module's own files have it, and fails when one is missing or not among those that were agreed on.
//
//	go run ./test/licenses
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// allowed are the licences that agree with ours. A new one is a decision, not an oversight.
var allowed = []string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "MPL-2.0", "EPL-2.0"}

func main() {
	modules, err := list(context.Background())
	for _, m := range modules {
		licences, why := m.licences()
		fmt.Printf("%-45s %-12s %s\n", m.path, m.version, strings.Join(licences, ", "))
		err = errors.Join(err, why)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// module is one that something of the programs comes from; without a directory it could not be had.
type module struct{ path, version, dir string }

// list asks go for the modules of all packages that are compiled into the programs, on the systems that
// there are releases for. The standard library, which is Go's own, is none of them.
func list(ctx context.Context) ([]module, error) {
	const form = `{{with .Module}}{{.Path}} {{.Version}} {{.Dir}}{{end}}`
	var modules []module
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-f", form, "./cmd/...")
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for line := range strings.Lines(string(out)) {
			// Only our own has no version.
			if part := strings.SplitN(strings.TrimSpace(line), " ", 3); len(part) == 3 && part[1] != "" {
				modules = append(modules, module{part[0], part[1], part[2]})
			}
		}
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return slices.Compact(modules), nil
}

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)`)

// licences are those that the module's files hold. The error tells of none, and of one that is not
// allowed.
func (m module) licences() ([]string, error) {
	files, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.path, err)
	}
	var found []string
	for _, file := range files {
		if !licenceFile.MatchString(file.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.path, err)
		}
		found = append(found, recognise(string(text))...)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no licence in %s", m.path, m.dir)
	}
	for _, licence := range found {
		if !slices.Contains(allowed, licence) {
			return found, fmt.Errorf("%s: %s is not among %s", m.path, licence, strings.Join(allowed, ", "))
		}
	}
	return found, nil
}

var blanks = regexp.MustCompile(`[\s*#>"“”]+`)

// recognise tells the licences that a text holds by the sentences that make them, and "unknown" for a
// text with none.
func recognise(text string) []string {
	text = blanks.ReplaceAllString(strings.ToLower(text), " ")
	has := func(sentence string) bool { return strings.Contains(text, sentence) }
	bsd := has("redistributions of source code must retain the above copyright notice")
	third := has("neither the name") || has("may be used to endorse or promote products")
	var found []string
	for _, l := range []struct {
		name string
		is   bool
	}{
		{"MIT", has("permission is hereby granted, free of charge, to any person obtaining a copy")},
		{"BSD-3-Clause", bsd && third},
		{"BSD-2-Clause", bsd && !third},
		{"Apache-2.0", has("apache license version 2.0") || has("licensed under the apache license, version 2.0")},
		{"ISC", has("permission to use, copy, modify, and/or distribute this software for any purpose")},
		{"MPL-2.0", has("mozilla public license version 2.0") || has("mozilla public license, version 2.0")},
		{"EPL-2.0", has("eclipse public license - v 2.0") || has("eclipse public license v2.0") || has("eclipse public license 2.0")},
		// The two above name the GPL as one that may take their place.
		{"GPL", (has("gnu general public") || has("gnu lesser general") || has("gnu affero general")) && !has("eclipse public") && !has("mozilla public")},
	} {
		if l.is {
			found = append(found, l.name)
		}
	}
	if len(found) == 0 {
		return []string{"unknown"}
	}
	return found
}
