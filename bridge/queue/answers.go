package queue

import (
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
type answers map[string]*answer

// identity is what two commands have in common that are the same: all but when they expire.
func identity(c phone.Command) string {
	c.ExpiresAt = time.Time{}
	return fmt.Sprintf("%#v", c)
}

type answer struct {
	at      time.Time
	result  *payload.Result // nil while the command waits or runs
	repeats int             // that came while it did
}

// Expect notes that a command came in. When it came with its transaction before, it is a repeat that must
// not be run again; its result is given when there is one, and otherwise follows by [Queue.Settle].
func (q *Queue) Expect(c phone.Command, now time.Time) (result *payload.Result, repeated bool) {
	if c.Transaction == nil {
		return nil, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	key := identity(c)
	seen, ok := q.answers[key]
	if !ok || seen.isOver(now) {
		q.answers.expect(key, now)
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
func (a *answers) expect(command string, now time.Time) {
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
func (q *Queue) Settle(c phone.Command, r payload.Result) (repeats int) {
	if c.Transaction == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	seen, ok := q.answers[identity(c)]
	if !ok {
		return 0
	}
	seen.result = &r
	return seen.repeats
}
