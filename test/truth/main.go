// Command truth prints how often phone2mqtt tells calls as they were, for phones of several temperaments: the
// table of docs/calls.md. It runs the test of package phone that makes it, where the simulator lives,
// and changes nothing.
//
//	go run ./test/truth [-histories n]
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
)

func main() {
	histories := flag.Int("histories", 100, "true histories that each phone tells; the document has 100")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	table, err := measure(ctx, *histories)
	if err != nil {
		fmt.Fprintln(os.Stderr, "truth:", err)
		os.Exit(1)
	}
	fmt.Print(table)
}

// measure runs the test and takes the table out of what it logs.
func measure(ctx context.Context, histories int) (string, error) {
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=0", "-v", "-run=^TestTemperaments$",
		"github.com/phone2mqtt/phone2mqtt/phone")
	test.Env = append(os.Environ(), "PHONE_TEST_HISTORIES="+strconv.Itoa(histories))
	out, err := test.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	var table strings.Builder
	for line := range bytes.Lines(out) {
		if row := bytes.IndexByte(line, '|'); row >= 0 {
			table.Write(line[row:])
		}
	}
	return table.String(), nil
}
