package queue

import (
	"encoding/json"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
)

const (
	// remembered is how long a transaction is, from its command on.
	remembered = time.Minute
	// mostAnswers is how many transactions of one phone are remembered at most.
	mostAnswers = 1000
)

// answers remembers the results of one phone's commands by transaction: a QoS 1 publisher may send a
// command twice.
type answers map[string]*answer

type answer struct {
	at      time.Time
	result  *payload.Result // nil while the command waits or runs
	repeats int             // that came while it did
}

// Expect notes that a command came in, nil for one without a transaction. When its transaction is known
// already, the command is a repeat that must not be run again; its result is given when there is one,
// and otherwise follows by [Queue.Settle].
func (q *Queue) Expect(transaction json.RawMessage, now time.Time) (result *payload.Result, repeated bool) {
	if transaction == nil {
		return nil, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	seen, ok := q.answers[string(transaction)]
	if !ok || seen.isOver(now) {
		q.answers.expect(string(transaction), now)
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

// expect notes a transaction whose result is still to come, and drops those that are over.
func (a *answers) expect(transaction string, now time.Time) {
	if *a == nil {
		*a = make(answers)
	}
	for key, seen := range *a {
		if seen.isOver(now) || seen.result != nil && len(*a) >= mostAnswers {
			delete(*a, key)
		}
	}
	(*a)[transaction] = &answer{at: now}
}

// Settle notes the result of a command and tells how many repeats wait for it.
func (q *Queue) Settle(r payload.Result) (repeats int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	seen, ok := q.answers[string(r.Transaction)]
	if r.Transaction == nil || !ok {
		return 0
	}
	seen.result = &r
	return seen.repeats
}
