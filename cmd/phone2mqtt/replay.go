package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/bridge/recording"
)

// recordings are where requests of phones are kept; the zero value keeps none.
type recordings struct {
	dir   string
	plain bool // numbers and names as they are
}

// open has the requests recorded that come to a bridge of that configuration. The service is nil when
// nothing is to be recorded.
func (r recordings) open(cfg *bridge.Config, log zerolog.Logger) (service, error) {
	if r.dir == "" {
		return nil, nil
	}
	recorder, err := recording.Open(recording.Config{
		Dir:          r.dir,
		Plain:        r.plain,
		Tokens:       cfg.Tokens,
		Version:      cfg.Version,
		DefaultEvent: cfg.DefaultEvent,
		Limits:       cfg.Limits,
		Log:          log,
	})
	if err != nil {
		return nil, fmt.Errorf("RECORD_DIR: %w", err)
	}
	cfg.Record = recorder.Record
	level := zerolog.InfoLevel
	if r.plain {
		level = zerolog.WarnLevel // numbers and names are on the disk
	}
	log.WithLevel(level).Str("dir", r.dir).Bool("plain", r.plain).Msg("the requests of the phones are recorded")
	return recorder.Run, nil
}

// replay runs recordings through the code that live requests go through, and prints what follows.
func replay(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	realTime := false
	var paths []string
	for _, arg := range args {
		switch {
		case arg == "--real-time":
			realTime = true
		case strings.HasPrefix(arg, "-"):
			return usageError{fmt.Errorf("replay: %q is unexpected, expected FILE... [--real-time]", arg)}
		default:
			paths = append(paths, arg)
		}
	}
	if len(paths) == 0 {
		return usageError{errors.New("replay: no file, expected FILE... [--real-time]")}
	}
	lines, damaged, err := readRecordings(paths, stderr)
	if err != nil {
		return err
	}
	printer := json.NewEncoder(printable{stdout})
	printer.SetEscapeHTML(false)
	err = recording.Replay(ctx, lines, realTime, func(t recording.Trail) error { return printer.Encode(t) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("replay: %w", err)
	}
	if damaged > 0 {
		return fmt.Errorf("replay: lines that could not be read: %d", damaged)
	}
	return nil
}

// readRecordings reads files, and names each line that it cannot.
func readRecordings(paths []string, stderr io.Writer) (lines []recording.Line, damaged int, err error) {
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return nil, 0, fmt.Errorf("replay: %w", err)
		}
		found, err := recording.Read(file, func(line int, err error) {
			damaged++
			_, _ = fmt.Fprintf(stderr, "%s:%d: %v\n", path, line, err)
		})
		_ = file.Close() // it was only read
		if err != nil {
			return nil, 0, fmt.Errorf("replay: %s: %w", path, err)
		}
		lines = append(lines, found...)
	}
	return lines, damaged, nil
}
