// Command phonesim runs simulated desk phones as a process of their own: they call each other, send
// their events to an intake and, with --listen, take commands. It is for demos, tests and load.
//
// It promises a summary line at its end, also after an interrupt, and sends nothing but what a desk
// phone would. It never repeats an event and keeps nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole command: 0 when it came to its end, 1 when something stopped it, 2 for flags that
// cannot be read.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "phonesim:", err)
		return 2
	}
	if err := simulate(ctx, s, stdout); err != nil {
		_, _ = fmt.Fprintln(stderr, "phonesim:", err)
		return 1
	}
	return 0
}
