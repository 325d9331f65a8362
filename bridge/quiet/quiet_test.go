package quiet

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFailures hears one failure every 30 s for three hours, and another one in between.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type line struct {
			After   time.Duration
			Failure string
			Times   int
		}
		var f Failures
		var got []line
		start := time.Now()
		says := func(failure string) {
			if times, ok := f.Says(failure); ok {
				got = append(got, line{time.Since(start), failure, times})
			}
		}
		for range 360 {
			says("token")
			if time.Since(start) == 90*time.Second {
				says("path")
			}
			time.Sleep(30 * time.Second)
		}
		time.Sleep(longest)
		says("token")
		want := []line{
			{0, "token", 1},
			{time.Minute, "token", 3},
			{90 * time.Second, "path", 1},
			{3 * time.Minute, "token", 7},
			{7 * time.Minute, "token", 15},
			{15 * time.Minute, "token", 31},
			{31 * time.Minute, "token", 63},
			{63 * time.Minute, "token", 127},
			{123 * time.Minute, "token", 247},
			{4 * time.Hour, "token", 1},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestBounded has somebody invent failures: they must not fill the memory.
func TestBounded(t *testing.T) {
	var f Failures
	for i := range 3 * mostTold {
		if times, ok := f.Says(fmt.Sprint(i)); times != 1 || !ok {
			t.Fatalf("failure %d: %d, %v, want it told", i, times, ok)
		}
		if len(f.failures) > mostTold {
			t.Fatalf("%d failures are remembered", len(f.failures))
		}
	}
}
