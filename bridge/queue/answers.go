package queue

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

const (
	// remembered is how long a transaction is, from its command on.
	remembered = time.Minute
	// mostAnswers is how many transactions of one phone are remembered at most.
	mostAnswers = 1000
)

// answers remembers the results of one phone's commands that have a transaction: a QoS 1 publisher may
// send a command twice. Who uses one transaction for everything does not send a command twice with it.
type answers map[Identity]*answer

// Identity is what two commands have in common that are the same. The zero one is no other's.
type Identity [sha256.Size]byte

// IdentityOf is that of a command, or of one that could not be read for this reason. All of it counts but
// when it expires; without a transaction it has none.
func IdentityOf(c phone.Command, unread error) Identity {
	if c.Transaction == nil {
		return Identity{}
	}
	c.ExpiresAt = time.Time{}
	return sha256.Sum256(fmt.Appendf(nil, "%#v %v", c, unread))
}

type answer struct {
	at      time.Time
	result  *payload.Result // nil while the command waits or runs
	repeats int             // that came while it did
}

// Expect notes that a command came in. When it came with its transaction before, it is a repeat that must
// not be run again; its result is given when there is one, and otherwise follows by [Queue.Settle].
func (q *Queue) Expect(command Identity, now time.Time) (result *payload.Result, repeated bool) {
	if command == (Identity{}) {
		return nil, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	seen, ok := q.answers[command]
	if !ok || seen.isOver(now) {
		q.answers.expect(command, now)
		return nil, false
	}
	if seen.result == nil {
		seen.repeats++
		return nil, true
	}
	again := *seen.result
	again.Repeated = true
	return &again, true
}

func (a *answer) isOver(now time.Time) bool { return a.result != nil && now.Sub(a.at) >= remembered }

// expect notes a command whose result is still to come, and drops those that are over.
func (a *answers) expect(command Identity, now time.Time) {
	if *a == nil {
		*a = make(answers)
	}
	for key, seen := range *a {
		if seen.isOver(now) || seen.result != nil && len(*a) >= mostAnswers {
			delete(*a, key)
		}
	}
	(*a)[command] = &answer{at: now}
}

// Settle notes the result of a command and tells how many repeats wait for it.
func (q *Queue) Settle(command Identity, r payload.Result) (repeats int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	seen, ok := q.answers[command]
	if !ok {
		return 0
	}
	seen.result = &r
	return seen.repeats
}
