package mqtt

import (
	"errors"
	"fmt"
	"maps"
	"syscall"
	"time"

	berrors "go.etcd.io/bbolt/errors"
)

const (
	// cleanDelay is how long acknowledged messages may stay on disk when
	// nothing else has to be written. After a crash they are sent again.
	cleanDelay = 200 * time.Millisecond
	// retryDelay is the pause after a failed transaction.
	retryDelay = 2 * time.Second

	// A transaction waits a moment for as many publishers as the one before
	// had, up to a limit: a sync costs the processor as much as several events.
	// Whoever publishes alone never waits.
	companyLimit = 24
	companyTime  = 2 * time.Millisecond
)

// work is what the writer has to do next.
type work struct {
	transaction
	receipts []*Receipt
	since    time.Time // of the first receipt
	probed   bool      // it stands for a probe, see heals
}

func newWork() work {
	return work{transaction: transaction{records: map[string][]byte{}}}
}

// promise adds a receipt that waits for the work.
func (w *work) promise(r *Receipt, now time.Time) {
	if len(w.receipts) == 0 {
		w.since = now
	}
	w.receipts = append(w.receipts, r)
}

// presses tells whether somebody waits for the work.
func (w *work) presses() bool {
	return len(w.receipts) > 0 || len(w.puts) > 0 || len(w.records) > 0 || len(w.aside) > 0 || len(w.forget) > 0
}

// write is the one goroutine that uses the store: it commits everything that
// was published since its last transaction in one, and reads back the messages
// whose turn has come. When finish is closed it commits what is left and ends.
func (c *Client) write(finish <-chan struct{}) {
	alarm := newAlarm()
	defer alarm.stop()
	for {
		due, last, copied := false, false, false
		select {
		case <-c.wakeWriter:
		case <-alarm.timer.C:
			due = true
			alarm.stop()
		case <-c.store.copied():
			copied = true
			c.store.takeCopy()
		case <-finish:
			last = true
		}
		w, later := c.takeWork(due || last)
		ok := true
		switch {
		case w != nil:
			alarm.stop()
			ok = c.commit(w)
		case due:
			later = c.store.compactAtRest()
		}
		if last {
			return
		}
		if ok = c.load() && ok; ok && w != nil {
			ok = c.heals()
		}
		if !ok {
			later = retryDelay
		}
		if later > 0 {
			alarm.set(later)
		}
		if w != nil || copied {
			if rest := c.store.restsAfter(); rest > 0 {
				alarm.set(rest)
			}
		}
	}
}

// alarm is a timer that rings at the earliest of the times it was set to.
type alarm struct {
	timer *time.Timer
	at    time.Time // zero: it is not set
}

// newAlarm returns one that rings at once.
func newAlarm() *alarm { return &alarm{timer: time.NewTimer(0), at: time.Now()} }

func (a *alarm) set(delay time.Duration) {
	if at := time.Now().Add(delay); a.at.IsZero() || at.Before(a.at) {
		a.at = at
		a.timer.Reset(delay)
	}
}

func (a *alarm) stop() {
	a.at = time.Time{}
	a.timer.Stop()
}

// takeWork returns what to commit now, or else after what time to look again,
// zero for not before there is news. After a failure an empty transaction is
// tried when it is due, and a probe after it: the disk may take them again.
func (c *Client) takeWork(due bool) (w *work, later time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.work
	switch {
	case !taken.presses() && !due && len(taken.deletes) == 0:
		return nil, 0
	case !taken.presses() && !due:
		return nil, cleanDelay
	case !taken.presses() && len(taken.deletes) == 0 && c.status.StoreErr == nil:
		return nil, 0
	case !due && len(taken.receipts) > 0 && len(taken.receipts) < c.company:
		if later = companyTime - time.Since(taken.since); later > 0 {
			return nil, later
		}
	}
	if n := len(taken.receipts); n > 0 {
		// Alone is alone; others may become more.
		c.company = min(n+min(n-1, 1), companyLimit)
	}
	c.work = newWork()
	queued := taken.puts
	taken.puts = make([]*entry, 0, len(queued))
	for _, e := range queued {
		if e.disk == diskQueued { // otherwise it was acknowledged meanwhile
			e.disk = diskWriting
			taken.puts = append(taken.puts, e)
		}
	}
	return &taken, 0
}

// commit stores the work, in a new file when the old one is damaged.
func (c *Client) commit(w *work) (ok bool) {
	err := c.store.commit(&w.transaction)
	if noRoom(err) && c.freePages(w) {
		err = c.store.commit(&w.transaction)
	}
	if errors.Is(err, errDamaged) {
		err = c.commitAnew(w, err)
	}
	if err != nil {
		err = fmt.Errorf("store: %w", err)
	}
	c.book(w, err)
	for _, r := range w.receipts {
		r.settle(err)
	}
	return err == nil
}

// noRoom tells that the disk, or what we may have of it, is full.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, berrors.ErrMaxSizeReached)
}

// freePages commits what the work deletes by itself, and tells whether that freed
// something. bbolt writes changed pages anew before it frees the old ones: on a
// disk that is full, deletes beside something new would fail with it for ever. As
// few at a time as it takes: a handful of pages is always free.
func (c *Client) freePages(w *work) (freed bool) {
	for some := 64; some > 0 && len(w.deletes) > 0; {
		n := min(some, len(w.deletes))
		if c.store.commit(&transaction{deletes: w.deletes[:n]}) != nil {
			some = n / 4
			continue
		}
		w.deletes = w.deletes[n:]
		freed, some = true, some*2
	}
	return freed
}

// commitAnew replaces a damaged file and stores there, beside the work, every
// message that is still in memory.
func (c *Client) commitAnew(w *work, reason error) error {
	if err := c.store.replace(reason); err != nil {
		return err
	}
	c.mu.Lock()
	again, lost := c.line.restart()
	c.status.Lost += lost
	c.mu.Unlock()
	wake(c.wakeSender)
	if lost > 0 {
		c.log.Error().Int("messages", lost).Msg("messages waited in the damaged store only")
	}
	w.puts = append(again, w.puts...)
	w.deletes = nil
	return c.store.commit(&w.transaction)
}

// book notes in line what became of a transaction. A failure is over when
// messages are stored again, or a probe: the rest is too small to show it.
func (c *Client) book(w *work, err error) {
	shows := err != nil || len(w.puts) > 0 || w.probed
	c.mu.Lock()
	if err == nil {
		for _, e := range w.puts {
			c.line.committed(e)
		}
	} else {
		c.takeBack(w)
	}
	if shows {
		c.status.StoreErr = err
	}
	c.mu.Unlock()
	if shows {
		c.logStore(err)
	}
}

// takeBack keeps of a failed transaction what another one has to do, unless
// something newer came.
func (c *Client) takeBack(w *work) {
	var retries []*entry
	for _, e := range w.puts {
		retry, onDisk := c.line.failed(e)
		if retry {
			retries = append(retries, e)
		}
		if onDisk {
			w.deletes = append(w.deletes, e.place)
		}
	}
	c.work.puts = append(retries, c.work.puts...)
	c.work.deletes = append(w.deletes, c.work.deletes...)
	c.work.aside = append(w.aside, c.work.aside...)
	c.work.forget = append(w.forget, c.work.forget...)
	newer := c.work.records
	c.work.records = w.records
	maps.Copy(c.work.records, newer)
}

// load reads back the span whose turn has come, if there is one.
func (c *Client) load() (ok bool) {
	c.mu.Lock()
	e := c.line.wanted
	if e == nil {
		c.mu.Unlock()
		return true
	}
	from, of := e.place, *e.span
	c.mu.Unlock()

	read, err := c.store.read(from, of)
	if errors.Is(err, errDamaged) {
		w := newWork()
		err = c.commitAnew(&w, err)
		c.book(&w, err)
		return err == nil
	}
	if err != nil {
		w := newWork()
		c.book(&w, fmt.Errorf("store: %w", err))
		return false
	}

	c.mu.Lock()
	missing := c.line.loaded(e, read)
	for _, place := range read.unreadable {
		c.work.aside = append(c.work.aside, asided{place: place})
		c.status.SetAside++
	}
	c.status.Lost += missing
	c.mu.Unlock()
	if missing > 0 {
		c.log.Error().Int("messages", missing).Int("unreadable", len(read.unreadable)).Msg("stored messages did not come back")
	}
	wake(c.wakeSender)
	wake(c.wakeWriter)
	return true
}

func (c *Client) logStore(err error) {
	if err == nil {
		if c.faults.ends() {
			c.log.Info().Msg("store works again")
		}
		return
	}
	if times, logs := c.faults.occurs(err.Error(), time.Now()); logs {
		c.log.Error().Err(err).Int("times", times).Msg("store cannot be written")
	}
}

// acknowledged takes a message out of line and, soon, off the disk.
func (c *Client) acknowledged(s *shipment) {
	c.mu.Lock()
	if c.line.acknowledge(s) {
		c.work.deletes = append(c.work.deletes, s.place)
	}
	first := len(c.work.deletes) == 1
	c.mu.Unlock()
	if first {
		wake(c.wakeWriter)
	}
	wake(c.wakeSender)
	if measure := c.cfg.OnAcknowledged; measure != nil && s.entry != nil && !s.entry.foreign {
		measure(max(0, time.Since(s.entry.message.At)))
	}
}
