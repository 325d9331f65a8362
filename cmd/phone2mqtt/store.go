package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
)

const storeForm = "expected check, dump or compact, and [FILE or DATA_DIR]"

// store looks into a store that no daemon holds, or makes it small.
func store(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return usageError{errors.New("store: " + storeForm)}
	}
	do, known := map[string]func(path string, stdout io.Writer) error{
		"check": storeCheck, "dump": storeDump, "compact": storeCompact,
	}[args[0]]
	switch {
	case !known:
		return usageError{fmt.Errorf("store: %q is unexpected, %s", args[0], storeForm)}
	case len(args) > 2:
		return usageError{fmt.Errorf("store %s: %q is unexpected, expected one FILE or DATA_DIR", args[0], args[2])}
	case len(args) == 2:
		return storeError(do(args[1], stdout))
	}
	cfg, err := loadConfig()
	if err != nil {
		return usageError{err}
	}
	if cfg.DataDir == "" {
		return usageError{errors.New("store: DATA_DIR is none, which leaves nothing to look at; expected FILE or DATA_DIR")}
	}
	return storeError(do(string(cfg.DataDir), stdout))
}

// storeError says what to do.
func storeError(err error) error {
	if errors.Is(err, mqtt.ErrLocked) {
		return fmt.Errorf("%w: stop the daemon first", err)
	}
	return err
}

func storeCheck(path string, stdout io.Writer) error {
	r, err := mqtt.CheckStore(path, readableRecord)
	if err != nil {
		return err
	}
	waiting := tally(r.Waiting)
	if !r.OldestWaiting.IsZero() {
		waiting += ", the oldest for " + time.Since(r.OldestWaiting).Truncate(time.Second).String()
	}
	if _, err = fmt.Fprintf(stdout, "file       %s\nsize       %s, %s of it free\nschema     %d\nwaiting    %s\nset aside  %s\nrecords    %s\n",
		r.Path, inUnits(r.Size), inUnits(r.Free), r.Schema, waiting, tally(r.SetAside), tally(r.Records)); err != nil {
		return err
	}
	switch {
	case r.HalfHeader:
		return fmt.Errorf("store %s: one of the two headers is damaged, what was stored last may be missing", r.Path)
	case !r.Sound():
		return fmt.Errorf("store %s: some of it cannot be read", r.Path)
	}
	_, err = fmt.Fprintln(stdout, "sound")
	return err
}

func readableRecord(_ string, value []byte) error {
	_, err := payload.ReadRecord(value)
	return err
}

func tally(t mqtt.Tally) string {
	s := fmt.Sprintf("%d, %s", t.Count, inUnits(t.Bytes))
	if t.Unreadable > 0 {
		s += fmt.Sprintf(", %d unreadable", t.Unreadable)
	}
	return s
}

func inUnits(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}

// storeLine is one line of a dump.
type storeLine struct {
	Kind       mqtt.Kind       `json:"kind"`
	Place      uint64          `json:"place,omitempty"`
	Topic      string          `json:"topic,omitempty"`
	LateTopic  string          `json:"late_topic,omitempty"`
	Retained   bool            `json:"retained,omitempty"`
	Time       string          `json:"time,omitempty"`
	Key        string          `json:"key,omitempty"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	Unreadable bool            `json:"unreadable,omitempty"`
	Bytes      []byte          `json:"bytes,omitempty"` // where there is no text
}

func storeDump(path string, stdout io.Writer) error {
	out := bufio.NewWriter(printable{stdout}) // a caller chose his name, and it may steer a terminal
	printer := json.NewEncoder(out)
	printer.SetEscapeHTML(false)
	unreadable := 0
	err := mqtt.DumpStore(path, func(i mqtt.StoreItem) error {
		line := dumped(i)
		if line.Unreadable {
			unreadable++
		}
		return printer.Encode(line)
	})
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err == nil && unreadable > 0 {
		err = fmt.Errorf("store: unreadable: %d, each with its bytes", unreadable)
	}
	return err
}

func dumped(i mqtt.StoreItem) storeLine {
	line := storeLine{Kind: i.Kind, Place: i.Place, Key: i.Key}
	text := i.Value
	switch {
	case i.Key != "":
		line.Unreadable = readableRecord(i.Key, i.Value) != nil
	case i.Err != nil:
		line.Unreadable, line.Bytes = true, i.Value
		return line
	default:
		m := i.Message
		line.Topic, line.LateTopic, line.Retained = m.Topic, m.LateTopic, m.Retained
		line.Time = m.At.UTC().Format("2006-01-02T15:04:05.000Z")
		text = m.Payload
	}
	switch {
	case json.Valid(text):
		line.Payload = text
	case utf8.Valid(text):
		line.Payload, _ = json.Marshal(string(text)) // a text can always be written
	default:
		line.Bytes = text
	}
	return line
}

func storeCompact(path string, stdout io.Writer) error {
	before, after, err := mqtt.CompactStore(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s before, %s after\n", inUnits(before), inUnits(after))
	return err
}
