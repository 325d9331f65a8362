// Command hostile attacks the daemon as those would who do not belong: guests of the network, callers,
// clients of the broker, phones in wrong hands. It runs the real program, a mosquitto with the access
// list of examples/mosquitto, and simulated phones, all on loopback, and prints a markdown table.
//
//	go run ./test/hostile [--only NAME] [--list] [--json]
//
// It promises that every attack is made the same way each time, that each says what it saw, and that
// after each the daemon still serves an honest phone, keeps its log tidy and has told no secret. One
// success ends it with 1. It leaves out by name what cannot be done here, never in silence, and ends
// whatever it started. It needs Linux, Go and mosquitto; docs/security.md tells who the attackers are.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// longest bounds the whole run, should something hang.
const longest = 15 * time.Minute

var errSuccess = errors.New("an attack succeeded, or could not be judged")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "hostile:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	only := flags.String("only", "", "only the subjects and attacks whose name holds this")
	list := flags.Bool("list", false, "print the names and attack nothing")
	asJSON := flags.Bool("json", false, "print JSON, not a table")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen := choose(subjects(), *only)
	if flags.NArg() > 0 || len(chosen) == 0 {
		return fmt.Errorf("%q is unexpected or fits nothing, see --list", args)
	}
	if *list {
		printNames(chosen)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	st, err := newStage(ctx)
	if err != nil {
		return err
	}
	defer st.close()
	results := st.playAll(ctx, chosen)
	if *asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(results)
	} else {
		printTable(results)
	}
	if err == nil && !held(results) {
		err = errSuccess
	}
	return err
}

// choose keeps the attacks that fit, and the subjects that still have any.
func choose(from []subject, only string) []subject {
	var chosen []subject
	for _, s := range from {
		if !strings.Contains(s.name, only) {
			var fit []attack
			for _, a := range s.attacks {
				if strings.Contains(a.name, only) {
					fit = append(fit, a)
				}
			}
			s.attacks = fit
		}
		if len(s.attacks) > 0 {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

func printNames(chosen []subject) {
	count := 0
	for _, s := range chosen {
		for _, a := range s.attacks {
			count++
			fmt.Printf("%-12s %s\n", s.name, a.name)
		}
	}
	fmt.Printf("%d attacks\n", count)
}
