package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	mit  = "Permission is hereby granted, free of charge, to any person\n obtaining a copy of this software"
	bsd2 = "Redistributions of source code must retain the above copyright\n *   notice, this list"
)

func TestRecognise(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"MIT":            {mit, []string{"MIT"}},
		"two in a file":  {"# Licences\n" + mit + "\n> Licensed under the Apache License, Version 2.0", []string{"MIT", "Apache-2.0"}},
		"BSD, two":       {bsd2, []string{"BSD-2-Clause"}},
		"BSD, three":     {bsd2 + " ... Neither the name of Google Inc.", []string{"BSD-3-Clause"}},
		"EPL":            {"Eclipse Public License - v 2.0 ... GNU General Public License, version 2", []string{"EPL-2.0"}},
		"MPL":            {"Mozilla Public License Version 2.0 ... the GNU Affero General Public License", []string{"MPL-2.0"}},
		"GPL":            {"GNU GENERAL PUBLIC LICENSE\n Version 3", []string{"GPL"}},
		"one with a GPL": {mit + "\nor the GNU Lesser General Public License", []string{"MIT", "GPL"}},
		"another":        {"All rights reserved.", []string{"unknown"}},
	} {
		if diff := cmp.Diff(test.want, recognise(test.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestModule wants every licence file of a module read, and what is not allowed named with its module.
func TestModule(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string // in the error
	}{
		"good":              {map[string]string{"LICENSE.txt": mit, "COPYING": bsd2}, ""},
		"none":              {map[string]string{"README.md": mit}, "example.org/m: no licence in "},
		"one of two is bad": {map[string]string{"LICENSE": mit, "copying.gpl": "GNU General Public License"}, "example.org/m: GPL is not among MIT, "},
		"unknown":           {map[string]string{"LICENCE": "mine"}, "example.org/m: unknown is not among MIT, "},
	} {
		dir := t.TempDir()
		for file, text := range test.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := module{"example.org/m", "v1.0.0", dir}.licences()
		if good := test.want == ""; (err == nil) != good || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}
