// Command torture proves that phone2mqtt loses nothing: it breaks the daemon, the broker, the network
// between them, the disk and the phones under load, one after the other or in pairs, and then checks the
// history of what everybody saw.
//
//	go run ./test/torture [--fault all|short|NAME,NAME|NAME+NAME] [--rounds N] [--seed N] [--pairs N] [--soak 30m] [--broken NAME] [--save FILE]
//	go run ./test/torture --add FILE,FILE
//
// The daemon and mosquitto are the real ones, as processes; phones are simulated. Between daemon and
// broker stands a notary that notes each PUBLISH and each PUBACK and is also the network that breaks.
// A table row for each fault goes to stdout; runs that were saved add up to one table. Any broken promise makes the exit code 1, and leaves a trace
// and the daemon's log behind, whose place is told with the seed.
//
// It promises to judge by what went over the wire alone, to end whatever it started, and to be able to
// fail: --broken builds a daemon with a known mistake, which has to be caught. The seed decides load and
// moments, but not how the machine schedules them. It needs Linux, Go and mosquitto; a fault that needs
// root is skipped by name. It never touches the clock or the disks of the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

var errBroken = errors.New("promises were broken, see above")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "torture:", err)
	os.Exit(1)
}

// torture is one run.
type torture struct {
	dir      string
	seed     uint64
	mistake  string
	results  string // file for them, or none
	programs map[variant]string
	out      io.Writer
	broken   bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	names := flags.String("fault", "all", "all, short (those under 15 s), or names with commas, two with a plus for a pair; of: "+strings.Join(known(), " "))
	rounds := flags.Int("rounds", 1, "rounds of each fault that takes under 15 s")
	long := flags.Int("long", 0, "rounds of each longer one; 0: at most 3")
	seed := flags.Uint64("seed", 0, "of load and chance; 0: a new one")
	pairs := flags.Int("pairs", 0, "so many pairs of faults, drawn by the seed, beside or instead (--rounds 0) of single ones")
	soak := flags.Duration("soak", 0, "instead of all that: one world, with one fault after the other, for so long")
	mistake := flags.String("broken", "", "break the daemon on purpose: "+strings.Join(slices.Sorted(maps.Keys(mistakes)), ", "))
	save := flags.String("save", "", "append the results to this file, for --add")
	sum := flags.String("add", "", "run nothing, print the table of these files of results")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *sum != "" {
		return add(strings.Split(*sum, ","), out)
	}
	if _, ok := mistakes[*mistake]; !ok && *mistake != "" {
		return fmt.Errorf("--broken %s is not known", *mistake)
	}
	chosen, together, err := choose(*names)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "torture-")
	if err != nil {
		return err
	}
	t := &torture{dir: dir, seed: *seed, mistake: *mistake, results: *save, programs: make(map[variant]string), out: out}
	if t.seed == 0 {
		t.seed = rand.Uint64N(1 << 32)
	}
	fmt.Fprintf(out, "seed %d\n\n", t.seed)
	if *soak > 0 {
		err = t.soak(ctx, chosen, *soak)
	} else {
		err = t.all(ctx, chosen, together, *rounds, *long, *pairs)
	}
	if err == nil && t.broken {
		err = fmt.Errorf("seed %d, traces in %s: %w", t.seed, dir, errBroken)
	}
	if err == nil {
		err = os.RemoveAll(dir)
	}
	return err
}

func known() (names []string) {
	for _, f := range faults() {
		names = append(names, f.name)
	}
	return names
}

// choose finds faults, and pairs of them, by what the user wrote.
func choose(names string) (chosen []fault, pairs [][]fault, err error) {
	if names == "all" || names == "short" {
		return slices.DeleteFunc(faults(), func(f fault) bool { return f.long && names == "short" }), nil, nil
	}
	for word := range strings.SplitSeq(names, ",") {
		var fs []fault
		for name := range strings.SplitSeq(word, "+") {
			i := slices.Index(known(), name)
			if i < 0 {
				return nil, nil, fmt.Errorf("there is no fault %q, but %s", name, strings.Join(known(), " "))
			}
			fs = append(fs, faults()[i])
		}
		if len(fs) > 1 {
			pairs = append(pairs, fs)
		} else {
			chosen = append(chosen, fs...)
		}
	}
	return chosen, pairs, nil
}

// all plays single faults and then pairs.
func (t *torture) all(ctx context.Context, chosen []fault, together [][]fault, rounds, long, pairs int) error {
	printHead(t.out)
	if long == 0 {
		long = min(rounds, 3)
	}
	for _, f := range chosen {
		times := rounds
		if f.long {
			times = long
		}
		if err := t.rounds(ctx, []fault{f}, times); err != nil {
			return err
		}
	}
	for _, fs := range together {
		if err := t.rounds(ctx, fs, rounds); err != nil {
			return err
		}
	}
	random := rand.New(rand.NewPCG(t.seed, 2))
	for range pairs {
		if err := t.rounds(ctx, draw(random, chosen), 1); err != nil {
			return err
		}
	}
	return nil
}

// draw picks two faults that have different parts of the world in hand.
func draw(random *rand.Rand, from []fault) []fault {
	able := slices.DeleteFunc(slices.Clone(from), func(f fault) bool { return f.alone })
	for {
		a, b := able[random.IntN(len(able))], able[random.IntN(len(able))]
		one := a.plan.variant == asReleased || b.plan.variant == asReleased
		if a.part != b.part && one && (!a.long || !b.long) {
			return []fault{a, b}
		}
	}
}

// rounds plays faults that many times and prints a row.
func (t *torture) rounds(ctx context.Context, fs []fault, times int) error {
	if times == 0 {
		return nil
	}
	r := &row{name: nameOf(fs), broken: make(map[rule]int)}
	for n := range times {
		begun := time.Now()
		o, err := t.play(ctx, fs, n)
		one := result{Fault: r.name, Seed: t.seed, Round: n, Took: time.Since(begun)}
		switch {
		case errors.Is(err, errUnable):
			one.Skipped = err.Error()
		case err != nil:
			return err
		default:
			one = o.result(one)
		}
		r.add(one)
		if err := one.save(t.results); err != nil {
			return err
		}
		for i, v := range o.violations {
			if i < 10 {
				fmt.Fprintf(os.Stderr, "%s, round %d: %s: %s\n", r.name, n, v.rule, v.text)
			}
		}
	}
	r.print(t.out)
	t.broken = t.broken || r.violations() > 0
	return nil
}

// programOf is the path of a variant of the daemon, which is built when it is first wanted.
func (t *torture) programOf(ctx context.Context, v variant) (string, error) {
	if path, ok := t.programs[v]; ok {
		return path, nil
	}
	limit, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	path, err := compile(limit, t.dir, v, t.mistake)
	t.programs[v] = path
	return filepath.Clean(path), err
}
