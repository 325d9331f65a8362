package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Parts of a long run give one table, and what one of them broke is in it.
func TestSavedResultsAddUp(t *testing.T) {
	dir := t.TempDir()
	parts := []string{filepath.Join(dir, "one"), filepath.Join(dir, "two")}
	for i, path := range parts {
		for n := range 2 {
			r := result{Fault: "net-cut", Seed: uint64(i + 1), Round: n, Events: 100, Answered: 90, Commands: 10, Recovery: time.Duration(n) * time.Second, Greeting: time.Duration(i) * time.Second, Usage: usage{Most: int64(i+n) << 20, Last: 1 << 20, Own: 3 << 20}}
			if err := r.save(path); err != nil {
				t.Fatal(err)
			}
		}
		pair := result{Fault: "net-cut+daemon-kill", Seed: uint64(i + 1), Events: 7}
		if err := pair.save(path); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := add(parts, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `net-cut` | 4 | 400 | 360 | 0 |", "| 1.0 s | 1.00 s | 2, 1, 3 |", "| `pairs` | 2 | 14 |", "| `all` | 6 | 414 |",
		"seeds [1 2]", "pairs: net-cut+daemon-kill, net-cut+daemon-kill",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing is %q in\n%s", want, out.String())
		}
	}

	if err := (result{Fault: "net-cut", Broken: map[rule]int{lost: 3}}).save(parts[1]); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := add(parts, &out); !errors.Is(err, errBroken) || !strings.Contains(out.String(), "| `net-cut` | 5 | 400 | 360 | 3 |") {
		t.Errorf("with three lost: %v\n%s", err, out.String())
	}
}
