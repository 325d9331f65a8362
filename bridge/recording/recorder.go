// Package recording keeps what phones sent, so that a phone which behaves strangely can be understood
// somewhere else, and replays it.
//
// [Recorder.Record] takes a request without ever waiting; [Recorder.Run] writes the requests, one file
// for each phone and day. [Replay] runs them through the code that they went through when they came:
// [phone.ParseEvent], [phone.State.Apply], [phone.State.Expire].
//
// It promises that a recording is bounded, that nobody else on the machine may read it, that no token
// stands in it, and that numbers, names and hosts are replaced by pseudonyms unless plain ones are
// asked for. It never delays or refuses a request, and a failing disk costs the recording only.
package recording

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge/quiet"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// waiting is how many requests may wait for the disk. A request has at most 8 KiB.
const waiting = 1024

// Config is what a [Recorder] is told at start.
type Config struct {
	Dir     string // made when it is not there
	Plain   bool   // numbers, names and hosts as they are
	Tokens  []secret.Text
	Version string // of the program

	// What a replay has to know besides the requests.
	DefaultEvent phone.EventType
	Limits       phone.Limits

	Log zerolog.Logger
}

// Request is one Action URL request that was understood, or that was refused because it could not be.
type Request struct {
	MAC   phone.MAC // empty: it is not known which phone sent it
	At    time.Time
	Proto string // HTTP/1.0 or HTTP/1.1

	// As they were sent, nothing decoded: the path with its leading slash, the query without the mark.
	Method, Path, Query string

	Charset phone.Charset // how bytes are read that are not UTF-8
	Name    string        // of the phone, where it is another than the one it gives itself
	Host    string        // where its commands go after the request
	Before  *phone.State  // before the request; nil: it did not come to that
}

// Recorder writes requests to files. Make it with [Open] and give it life with [Recorder.Run].
type Recorder struct {
	cfg   Config
	clock clock
	mask  mask
	queue chan queued

	// Of the goroutine that writes.
	files   files
	fails   quiet.Failures
	pages   map[phone.MAC]*page
	stopped string // the day for which there is no room
	deleted string // the day that was deleted last

	mu   sync.Mutex
	lost map[phone.MAC]int // found no room in the queue since the last one that did
}

// queued is a request that waits for the disk, with how many before it were lost.
type queued struct {
	Request
	lost int
}

// Open makes the directory and the key of its pseudonyms, or reads the one that is there: all that is
// recorded in one directory has the same pseudonyms and one time. It starts nothing.
func Open(cfg Config) (*Recorder, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	s, err := openSet(cfg.Dir)
	if err != nil {
		return nil, err
	}
	f, err := openFiles(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return &Recorder{
		cfg:   cfg,
		clock: newClock(s.Begun),
		mask:  newMask(s.Key),
		files: f,
		queue: make(chan queued, waiting),
		pages: make(map[phone.MAC]*page),
		lost:  make(map[phone.MAC]int),
	}, nil
}

// Record takes a request, and drops it when too many wait: the phone's next line tells how many were.
// It never blocks, and may be called at the same time for different phones.
func (r *Recorder) Record(q Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.queue <- queued{q, r.lost[q.MAC]}:
		delete(r.lost, q.MAC)
	default:
		r.lost[q.MAC]++
	}
}

// Run writes what is recorded until ctx ends, and then what still waits. It never fails: what cannot be
// written is told in the log.
func (r *Recorder) Run(ctx context.Context) error {
	for {
		select {
		case q := <-r.queue:
			r.write(q)
		case <-ctx.Done():
			r.drain()
			return nil
		}
	}
}

func (r *Recorder) drain() {
	for {
		select {
		case q := <-r.queue:
			r.write(q)
		default:
			return
		}
	}
}
