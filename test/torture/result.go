package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// result is what one round came to, in numbers. Results of several runs add up.
type result struct {
	Fault    string        `json:"fault"` // or both of a pair
	Seed     uint64        `json:"seed"`
	Round    int           `json:"round"`
	Events   int           `json:"events"`
	Answered int           `json:"answered"` // with 200
	Commands int           `json:"commands"` // that the daemon was given
	Broken   map[rule]int  `json:"broken,omitempty"`
	Unseen   int           `json:"unseen"` // events that the broker acknowledged and a subscriber never got
	Aside    int           `json:"aside"`  // phones of which a message was set aside
	Recovery time.Duration `json:"recovery"`
	Greeting time.Duration `json:"greeting"` // see there
	Usage    usage         `json:"usage"`
	Took     time.Duration `json:"took"`              // the whole round
	Skipped  string        `json:"skipped,omitempty"` // why it could not be made
}

// result adds the numbers of an outcome to what says which round it was.
func (o outcome) result(r result) result {
	r.Events, r.Broken = len(o.history.events), make(map[rule]int)
	r.Unseen, r.Aside, r.Usage = o.history.unseen(), len(o.history.aside), o.usage
	r.Recovery, r.Greeting = o.recovery, o.history.greeting()
	for i := range o.history.events {
		if o.history.events[i].status == statusOK {
			r.Answered++
		}
	}
	for i := range o.history.commands {
		if !o.history.commands[i].delivered.IsZero() {
			r.Commands++
		}
	}
	for _, v := range o.violations {
		r.Broken[v.rule]++
	}
	return r
}

// save appends a result to a file, a line of JSON each; no path, no file.
func (r result) save(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(file).Encode(r), file.Close())
}

// add prints the one table of what several runs have saved, in the order of the faults. All pairs
// share a row, and are listed below it with the seeds.
func add(paths []string, out io.Writer) error {
	rows := make(map[string]*row)
	var pairs []string
	var seeds []uint64
	for _, path := range paths {
		results, err := saved(path)
		if err != nil {
			return err
		}
		for _, r := range results {
			if !slices.Contains(seeds, r.Seed) {
				seeds = append(seeds, r.Seed)
			}
			if strings.Contains(r.Fault, "+") {
				pairs = append(pairs, r.Fault)
				r.Fault = "pairs"
			}
			if rows[r.Fault] == nil {
				rows[r.Fault] = &row{name: r.Fault, broken: make(map[rule]int)}
			}
			rows[r.Fault].add(r)
		}
	}
	printHead(out)
	all := &row{name: "all", broken: make(map[rule]int)}
	for _, name := range append(known(), "pairs") {
		if rows[name] != nil {
			rows[name].print(out)
			all.join(rows[name])
		}
	}
	all.print(out)
	slices.Sort(pairs)
	slices.Sort(seeds)
	fmt.Fprintf(out, "\nseeds %d\npairs: %s\n", seeds, strings.Join(pairs, ", "))
	if all.violations() > 0 {
		return errBroken
	}
	return nil
}

func saved(path string) (results []result, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		results = append(results, r)
	}
	return results, nil
}
