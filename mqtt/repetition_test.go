package mqtt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRepetition(t *testing.T) {
	type line struct {
		After time.Duration
		Kind  string
		Times int
	}
	var r repetition
	var got []line
	start := time.Now()
	occurs := func(after time.Duration, kind string) {
		if times, logs := r.occurs(kind, start.Add(after)); logs {
			got = append(got, line{after, kind, times})
		}
	}
	for after := time.Duration(0); after < 4*time.Hour; after += 30 * time.Second {
		occurs(after, "refused")
	}
	occurs(4*time.Hour, "closed")
	occurs(4*time.Hour+time.Second, "closed")
	occurs(4*time.Hour+2*time.Second, "refused")
	occurs(5*time.Hour+2*time.Second, "refused")
	want := []line{
		{0, "refused", 1},
		{time.Minute, "refused", 3},
		{3 * time.Minute, "refused", 7},
		{7 * time.Minute, "refused", 15},
		{15 * time.Minute, "refused", 31},
		{31 * time.Minute, "refused", 63},
		{63 * time.Minute, "refused", 127},
		{123 * time.Minute, "refused", 247},
		{183 * time.Minute, "refused", 367},
		{4 * time.Hour, "closed", 1},
		{4*time.Hour + 2*time.Second, "refused", 1},
		{5*time.Hour + 2*time.Second, "refused", 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
