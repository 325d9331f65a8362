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
	greeting         time.Duration // the longest
	usage            usage         // the greatest
	skipped          string        // why it could not be made
}

func (r *row) add(one result) {
	if one.Skipped != "" {
		r.skipped = one.Skipped
		return
	}
	r.join(&row{
		rounds: 1, events: one.Events, answered: one.Answered, commands: one.Commands, broken: one.Broken,
		unseen: one.Unseen, aside: one.Aside, recovery: one.Recovery, greeting: one.Greeting, usage: one.Usage,
	})
}

// join adds all that another row has.
func (r *row) join(other *row) {
	r.rounds += other.rounds
	r.events += other.events
	r.answered += other.answered
	r.commands += other.commands
	for rule, n := range other.broken {
		r.broken[rule] += n
	}
	r.unseen += other.unseen
	r.aside += other.aside
	r.recovery = max(r.recovery, other.recovery)
	r.greeting = max(r.greeting, other.greeting)
	r.usage = usage{max(r.usage.Most, other.usage.Most), max(r.usage.Last, other.usage.Last), max(r.usage.Own, other.usage.Own)}
}

// printHead begins the table, which is markdown.
func printHead(out io.Writer) {
	fmt.Fprintln(out, "| fault | n | events | 200 | lost | twice | order | state | cmds | twice | late | none | two | other | aside | unseen | back | first | RSS |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
}

func (r *row) print(out io.Writer) {
	if r.rounds == 0 {
		fmt.Fprintf(out, "| `%s` | skipped: %s |\n", r.name, r.skipped)
		return
	}
	b := r.broken
	fmt.Fprintf(out, "| `%s` | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %.1f s | %.2f s | %d, %d, %d |\n",
		r.name, r.rounds, r.events, r.answered, b[lost], b[doubled], b[disordered], b[stale]+b[wrongState],
		r.commands, b[ranTwice], b[ranLate], b[noResult], b[twoResults], b[slow]+b[otherwise],
		r.aside, r.unseen, r.recovery.Seconds(), r.greeting.Seconds(), r.usage.Most>>20, r.usage.Last>>20, r.usage.Own>>20)
}

func (r *row) violations() (n int) {
	for _, rule := range rules {
		n += r.broken[rule]
	}
	return n
}
