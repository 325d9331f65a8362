package main

import (
	"fmt"
	"io"
	"time"
)

// row is what several rounds of one fault came to.
type row struct {
	name             string
	rounds           int
	events, answered int
	commands         int
	broken           map[rule]int
	unseen, aside    int
	recovery         time.Duration // the longest
	usage            usage         // the greatest
	skipped          string        // why it could not be made
}

func (r *row) add(o outcome) {
	r.rounds++
	r.events += len(o.history.events)
	for i := range o.history.events {
		if o.history.events[i].status == statusOK {
			r.answered++
		}
	}
	for i := range o.history.commands {
		if !o.history.commands[i].delivered.IsZero() {
			r.commands++
		}
	}
	for _, v := range o.violations {
		r.broken[v.rule]++
	}
	r.unseen += o.history.unseen()
	r.aside += len(o.history.aside)
	r.recovery = max(r.recovery, o.recovery)
	r.usage = usage{max(r.usage.most, o.usage.most), max(r.usage.last, o.usage.last)}
}

// printHead begins the table, which is markdown.
func printHead(out io.Writer) {
	fmt.Fprintln(out, "| fault | rounds | events | answered 200 | lost | twice | order | state | commands | twice | late | no result | two results | other | set aside of phones | lost by the broker | recovery | RSS most, after |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
}

func (r *row) print(out io.Writer) {
	if r.skipped != "" {
		fmt.Fprintf(out, "| %s | skipped: %s |\n", r.name, r.skipped)
		return
	}
	b := r.broken
	fmt.Fprintf(out, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %.1f s | %d, %d MiB |\n",
		r.name, r.rounds, r.events, r.answered, b[lost], b[doubled], b[disordered], b[stale]+b[wrongState],
		r.commands, b[ranTwice], b[ranLate], b[noResult], b[twoResults], b[slow]+b[otherwise],
		r.aside, r.unseen, r.recovery.Seconds(), r.usage.most>>20, r.usage.last>>20)
}

func (r *row) violations() (n int) {
	for _, rule := range rules {
		n += r.broken[rule]
	}
	return n
}
