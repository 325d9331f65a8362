package action

import (
	"net"
	"os"
	"sync"
	"time"
)

// silence is a reading side on which nothing ever comes: reading it waits for the deadline or for the
// end. Its zero value has neither. (A [net.Pipe] would do as well, and be the dearest part of a short
// connection.)
type silence struct {
	mu       sync.Mutex
	deadline time.Time
	ended    bool
	changed  chan struct{} // closed at the next change; nil while nobody waits
}

// wait tells why there is nothing to read any more: [net.ErrClosed] or [os.ErrDeadlineExceeded].
func (s *silence) wait() error {
	for {
		changed, deadline, err := s.stand()
		if err != nil {
			return err
		}
		var over <-chan time.Time
		if !deadline.IsZero() {
			timer := time.NewTimer(time.Until(deadline))
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-changed:
		case <-over:
		}
	}
}

// stand tells why there is nothing to wait for, or until when or until what change.
func (s *silence) stand() (changed <-chan struct{}, deadline time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return nil, time.Time{}, net.ErrClosed
	case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
		return nil, time.Time{}, os.ErrDeadlineExceeded
	case s.changed == nil:
		s.changed = make(chan struct{})
	}
	return s.changed, s.deadline, nil
}

// until sets the deadline, none when zero.
func (s *silence) until(deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = deadline
	s.wake()
}

// end ends all waiting.
func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.wake()
}

func (s *silence) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
