// Command bench measures phone2mqtt as it is used: the daemon as a process, mosquitto, subscribers and
// simulated phones, all on this machine and on loopback. It prints a markdown table.
//
//	go run ./test/bench [--only NAME] [--quick]
//
// It promises to compare only what ran in the same minutes, to say what it could not measure, and to end
// whatever it started. It never judges by itself: a goal that is missed is a row, not an error, for a
// busy machine misses them too. It needs Linux, for /proc, and Go, for it builds the daemon; without
// mosquitto it skips by name what needs a broker. docs/performance.md explains the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// longest bounds the whole run, should something hang.
const longest = 20 * time.Minute

// subject is one thing to be measured.
type subject struct {
	name    string
	broker  bool // it needs mosquitto
	measure func(context.Context, *bench) ([]row, error)
}

var subjects = []subject{
	{"intake", true, measureIntake},
	{"latency", true, measureLatency},
	{"commands", true, measureCommands},
	{"fleet", true, measureFleet},
	{"drain", true, measureDrain},
	{"size", false, measureSize},
	{"idle", true, measureIdle},
}

// bench is what all subjects share.
type bench struct {
	dir     string // for everything that is written
	program string // the daemon, built for this run
	quick   bool   // a short run that shows that all works; its figures mean nothing
}

// scale is n, or what stands for it in a quick run.
func scale[T int | time.Duration](b *bench, n, quick T) T {
	if b.quick {
		return quick
	}
	return n
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == servePeer {
		return serve(ctx, args[1:])
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "measure only this: "+names())
	quick := flags.Bool("quick", false, "a short run that shows that all works; its figures mean nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *only != "" && !strings.Contains(" "+names()+" ", " "+*only+" ") {
		return fmt.Errorf("%q is unexpected, expected --quick and --only with one of: %s", args, names())
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{dir: dir, quick: *quick}
	if b.program, err = stand.Build(ctx, dir); err != nil {
		return err
	}
	fmt.Println(machine(ctx, dir))
	fmt.Print("\n| figure | measured | goal | |\n|---|---|---|---|\n")
	return b.measureAll(ctx, *only)
}

// measureAll prints the rows of each subject as soon as it has them. One that fails does not keep the
// others from being measured.
func (b *bench) measureAll(ctx context.Context, only string) error {
	_, withoutBroker := stand.FindMosquitto()
	var failed []error
	for _, s := range subjects {
		switch {
		case only != "" && s.name != only:
			continue
		case s.broker && withoutBroker != nil:
			fmt.Printf("| %s | skipped: %v | | |\n", s.name, withoutBroker)
			continue
		}
		progress("%s, load average %s", s.name, loadAverage())
		rows, err := s.measure(ctx, b)
		for _, r := range rows {
			fmt.Println(r)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(failed...)
}

func names() string {
	var all []string
	for _, s := range subjects {
		all = append(all, s.name)
	}
	return strings.Join(all, " ")
}

// progress goes to stderr, for stdout is the table.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
