package phone

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// TestApplyLeavesItsInput holds that a state, once given out, never changes.
func TestApplyLeavesItsInput(t *testing.T) {
	var states []State
	var pictures []string
	s := State{}
	at := testBegin
	for round := range 3 {
		for _, row := range Events() {
			states, pictures = append(states, s), append(pictures, fmt.Sprintf("%+v", s))
			at = at.Add(time.Second)
			s, _ = s.Apply(Event{Type: row.Type, Time: at, MAC: testMAC, CallID: strconv.Itoa(round), Remote: Party{Number: "206"}, Account: Party{Number: "201"}})
			s, _ = s.Expire(at, testMAC, testLimits)
			s = s.ClearMissed()
		}
	}
	for i := range states {
		if got := fmt.Sprintf("%+v", states[i]); got != pictures[i] {
			t.Fatalf("state %d changed later:\n got %s\nwant %s", i, got, pictures[i])
		}
	}
}
