package policy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

func TestPace(t *testing.T) {
	begin := time.Now()
	p := NewPace(2)
	for i, step := range []struct {
		after     time.Duration
		published string
		allowed   bool
	}{
		{0, "dial 206", true},
		{10 * time.Second, "redial {}", true}, // not one of those that count
		{20 * time.Second, `transfer {"number":"207","force":true}`, true},
		{21 * time.Second, "dial 206", false},
		{22 * time.Second, `dial {"number":"206","force":true}`, false},
		{23 * time.Second, "transfer {}", false},
		{24 * time.Second, "key F_TRANSFER", false},
		{25 * time.Second, "hangup {}", true},
		{60*time.Second - 1, "dial 206", false},
		{60 * time.Second, "dial 206", true}, // the first is a minute ago
		{61 * time.Second, "dial 206", false},
		{80 * time.Second, "key f_transfer", true},
		{81 * time.Second, "dial 206", false},
		{1000 * time.Second, "dial 206", true},
	} {
		refusal := p.Judge("001fc11a8b6c", command(t, step.published), begin.Add(step.after))
		if refusal == nil != step.allowed {
			t.Errorf("step %d, %s after %s: %+v", i, step.published, step.after, refusal)
		}
	}
}

func TestPaceOfPhonesApart(t *testing.T) {
	now := time.Now()
	p := NewPace(1)
	dial := command(t, "dial 206")
	for _, mac := range []phone.MAC{"001fc1000001", "001fc1000002"} {
		if refusal := p.Judge(mac, dial, now); refusal != nil {
			t.Errorf("%s: %+v", mac, *refusal)
		}
	}
	want := "1 calls and transfers were begun on this phone within a minute, which is the most (DIAL_RATE); send it again later"
	if refusal := p.Judge("001fc1000001", dial, now); refusal == nil || *refusal != (Refusal{DialRate, want}) {
		t.Errorf("got %+v, want %s", refusal, want)
	}
}

func TestPaceWithoutLimit(t *testing.T) {
	p := NewPace(0)
	for range 1000 {
		if refusal := p.Judge("001fc1000001", command(t, "dial 206"), time.Now()); refusal != nil {
			t.Fatal(refusal.Text)
		}
	}
	if len(p.begun) != 0 {
		t.Error("it remembers what nobody asks for")
	}
}

// TestPaceForgets bounds the memory to the phones of the last two minutes.
func TestPaceForgets(t *testing.T) {
	begin := time.Now()
	p := NewPace(1)
	for i := range 1000 {
		p.Judge(phone.MAC(fmt.Sprintf("001fc1%06x", i)), command(t, "dial 206"), begin)
	}
	p.Judge("001fc1ffffff", command(t, "dial 206"), begin.Add(time.Minute))
	if len(p.begun) != 1 {
		t.Errorf("%d phones are remembered, want 1", len(p.begun))
	}
}

func TestPaceOfManyAtOnce(t *testing.T) {
	const most, senders, each = 30, 8, 20
	p := NewPace(most)
	dial, now := command(t, "dial 206"), time.Now()
	var allowed atomic.Int32
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for range each {
				if p.Judge("001fc1000001", dial, now) == nil {
					allowed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if got := allowed.Load(); got != most {
		t.Errorf("%d were allowed, want %d", got, most)
	}
}
