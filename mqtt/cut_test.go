package mqtt

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLosesNothingOverCutConnections is the promise itself: connections cut at
// any moment, in both ways a connection can end.
func TestLosesNothingOverCutConnections(t *testing.T) {
	t.Parallel()
	url, _ := startBroker(t, "127.0.0.1:0")
	testCutConnections(t, url)
}

func testCutConnections(t *testing.T, url string) {
	p := startProxy(t, url)
	o := observe(t, url, "observer", "dev/#")
	c := NewClient(testConfig(t, p.url()), openStore(t, t.TempDir()))
	c.line.budget = 20_000
	runInBackground(t, c.Run)

	const publishers, each = 4, 750
	var group sync.WaitGroup
	for n := range publishers {
		group.Go(func() {
			device := fmt.Sprint("dev/", n)
			for i := range each {
				state, happened := retained(device+"/state", fmt.Sprint(i)), event(device+"/event", fmt.Sprint(i))
				state.Group, happened.Group = device, device
				r := publish(c, state, happened)
				if i%10 == 0 {
					mustStore(t, r)
				}
			}
		})
	}
	var done atomic.Bool
	cutter := make(chan struct{})
	go func() {
		defer close(cutter)
		for heard := 0; !done.Load(); heard = len(o.all()) {
			time.Sleep(40 * time.Millisecond)
			// On a slow machine a session that gets nowhere would put the blame
			// on what it was sending.
			for len(o.all()) < heard+20 && !c.drained() && !done.Load() {
				time.Sleep(time.Millisecond)
			}
			p.cut()
		}
	}()
	group.Wait()
	for p.cutCount() < 20 {
		time.Sleep(time.Millisecond)
	}
	done.Store(true)
	<-cutter
	eventually(t, "line worked off", func() bool { return c.Status().Waiting == 0 && c.drained() })
	s := c.Status()
	t.Logf("%d cuts, %d reconnects", p.cutCount(), s.Reconnects)
	if s.SetAside != 0 || s.Dropped != 0 || s.StoreErr != nil {
		t.Errorf("status %+v", s)
	}
	checkArrivals(t, o, publishers, each)
}

// checkArrivals holds what a consumer relies on: each event at least
// once, first arrivals in order, and never a state older than the event.
func checkArrivals(t *testing.T, o *observer, publishers, each int) {
	t.Helper()
	complete := func() bool {
		last := map[string]bool{}
		for _, line := range o.all() {
			last[line] = true
		}
		for n := range publishers {
			if !last[fmt.Sprintf("dev/%d/event %d", n, each-1)] {
				return false
			}
		}
		return true
	}
	eventually(t, "last events", complete)
	next, state, doubled := map[string]int{}, map[string]int{}, 0
	for _, line := range o.all() {
		var device, number int
		if n, _ := fmt.Sscanf(line, "dev/%d/state %d", &device, &number); n == 2 {
			state[fmt.Sprint(device)] = number
			continue
		}
		if n, _ := fmt.Sscanf(line, "dev/%d/event %d", &device, &number); n != 2 {
			t.Fatalf("heard %q", line)
		}
		name := fmt.Sprint(device)
		if state[name] < number {
			t.Errorf("event %d of %s arrived after state %d", number, name, state[name])
		}
		switch {
		case number == next[name]:
			next[name]++
		case number < next[name]:
			doubled++
		default:
			t.Fatalf("event %d of %s arrived, expected up to %d", number, name, next[name])
		}
	}
	t.Logf("%d doubled", doubled)
}
