package main

// variant is a build of the daemon in which a few lines are others. Nothing of it
// is in the program that users get: go build is given edited copies.
type variant string

const (
	asReleased variant = ""
	// slowDisk has every sync of the store take 200 ms longer.
	slowDisk variant = "slow-disk"
	// syncedCopy keeps a copy of the store as it was at its last sync, which is what a power cut leaves
	// at worst.
	syncedCopy variant = "synced-copy"
	// movedClock has a wall clock that jumps a year forth at SIGUSR1 and a year back at SIGUSR2. The
	// monotonic clock goes on, as when somebody sets the clock of a machine.
	movedClock variant = "moved-clock"
)

// edit replaces a text that stands in a file of a module exactly once, or adds a file where there is
// no old text.
type edit struct{ module, file, old, new string }

const (
	ours     = "github.com/phone2mqtt/phone2mqtt"
	bbolt    = "go.etcd.io/bbolt"
	standard = "std"
)

var edits = map[variant][]edit{
	slowDisk: {{bbolt, "bolt_linux.go", `import (
	"syscall"
)`, `import (
	"syscall"
	"time"
)`}, {bbolt, "bolt_linux.go", "return syscall.Fdatasync", "time.Sleep(200 * time.Millisecond)\n\treturn syscall.Fdatasync"}},
	syncedCopy: {{bbolt, "bolt_linux.go", `import (
	"syscall"
)`, `import (
	"os"
	"strings"
	"syscall"
)`}, {bbolt, "bolt_linux.go", "return syscall.Fdatasync(int(db.file.Fd()))", `path := strings.TrimSuffix(db.path, ".compact")
	if err := syscall.Fdatasync(int(db.file.Fd())); err != nil || !strings.HasSuffix(path, "outbox.db") {
		return err
	}
	// A file that was compacted has its name later than its path.
	is, err := db.file.Stat()
	if err != nil {
		return err
	}
	if stands, err := os.Stat(path); err != nil || !os.SameFile(is, stands) {
		return nil
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(os.Getenv("SYNCED")+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(os.Getenv("SYNCED")+".new", os.Getenv("SYNCED"))
	}
	return err`}},
	movedClock: {{standard, "time/time.go", "	sec, nsec, mono := runtimeNow()\n", "	sec, nsec, mono := runtimeNow()\n	sec += moved.Load()\n"}, {standard, "time/moved.go", "", `package time

import "sync/atomic"

// moved is how far the wall clock is off, in seconds.
var moved atomic.Int64

// MoveClock has the wall clock jump.
func MoveClock(by Duration) { moved.Add(int64(by / Second)) }
`}, {ours, "cmd/phone2mqtt/moved_clock.go", "", `package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

func init() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range signals {
			if s == syscall.SIGUSR1 {
				time.MoveClock(365 * 24 * time.Hour)
			} else {
				time.MoveClock(-365 * 24 * time.Hour)
			}
		}
	}()
}
`}},
}

// mistakes are deliberately broken versions, by which the checks show that they can fail: each has to
// be caught.
var mistakes = map[string][]edit{
	"fsync":  {{ours, "mqtt/open.go", "NoSync:       s.temporary,", "NoSync:       true,"}},
	"answer": {{ours, "mqtt/client.go", "c.work.promise(r, now)\n", "r.settle(nil)\n"}},
	"order": {{ours, "mqtt/queue.go", "return es[i].place < es[j].place\n}\nfunc (es entries) Swap", `return es[i].place*2654435761%1000 < es[j].place*2654435761%1000
}
func (es entries) Swap`}},
	"result": {{ours, "bridge/result.go", "func (b *Bridge) publishResult(mac phone.MAC, r payload.Result) {\n", `func (b *Bridge) publishResult(mac phone.MAC, r payload.Result) {
	b.broker.Publish(mqtt.Batch{Messages: []mqtt.Message{{Topic: b.topics.result(mac), Payload: r.JSON(), KeepFor: resultKeep}}})
`}},
	"state": {{ours, "mqtt/line.go", "	l.topics.unseen()\n", ""}},
	"twice": {{ours, "mqtt/store.go", "if err := outbox.Delete(placeKey(place)); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n\tfor key", "_ = place\n\t}\n\tfor key"}},
}
