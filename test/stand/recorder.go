package stand

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Recorder is a subscriber that keeps everything, for tests that ask afterwards what was said.
type Recorder struct {
	*Subscriber

	mu       sync.Mutex
	messages []Message
	lost     error
}

// Record keeps every message that fits a filter, the retained ones of before included, until
// Disconnect.
func Record(broker, filter string) (*Recorder, error) {
	r := &Recorder{}
	s, err := Subscribe(broker, filter, r.receive, r.fail)
	if err != nil {
		return nil, err
	}
	r.Subscriber = s
	return r, nil
}

func (r *Recorder) receive(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
}

func (r *Recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = err
}

// Messages are those that came so far, in order. The error tells that the session broke, and that there
// may have been more.
func (r *Recorder) Messages() ([]Message, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages), r.lost
}

// Await waits for a message that fits, from the message of that index on, and returns it with the index
// after it, where to go on from. The error lists what came instead.
func (r *Recorder) Await(ctx context.Context, from int, what string, fits func(Message) bool) (m Message, next int, err error) {
	err = Eventually(ctx, what, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.IndexFunc(r.messages[from:], fits); i >= 0 {
			m, next = r.messages[from+i], from+i+1
		}
		return next > 0 || r.lost != nil
	})
	if next > 0 {
		return m, next, nil
	}
	came, lost := r.Messages()
	if lost != nil {
		err = fmt.Errorf("%s: the observer lost its session: %w", what, lost)
	}
	var lines []string
	for _, m := range came[from:] {
		lines = append(lines, fmt.Sprintf("%s %.200s", m.Topic, m.Payload))
	}
	return m, len(came), fmt.Errorf("came instead:\n%s\n%w", strings.Join(lines, "\n"), err)
}
