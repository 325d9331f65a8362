package main

import (
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What grows from the second third to the last one is found, a single peak and the warming up are not.
func TestGrowth(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(n int, s *sample)
		want   []string
	}{
		"flat":       {func(int, *sample) {}, nil},
		"warming up": {func(n int, s *sample) { s[2] = float64(30 + 20*min(n, 4)) }, nil},
		"a peak":     {func(n int, s *sample) { s[3] = float64(1 + 100*(n/11)) }, nil},
		"a leak":     {func(n int, s *sample) { s[0] = float64(40 + 10*n) }, []string{"goroutines grew from 100.0 to 140.0"}},
		"files":      {func(n int, s *sample) { s[1] = float64(30 + 5*n) }, []string{"open files grew from 60.0 to 80.0"}},
		"memory":     {func(n int, s *sample) { s[2] = float64(30 + 3*n) }, []string{"MiB of RSS grew from 48.0 to 60.0"}},
		"the store":  {func(n int, s *sample) { s[3] = float64(n) }, []string{"MiB of store grew from 6.0 to 10.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			var samples []sample
			for n := range 12 {
				s := sample{40, 30, 30, 1}
				tt.change(n, &s)
				samples = append(samples, s)
			}
			if diff := cmp.Diff(tt.want, growth(samples, io.Discard)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := growth(make([]sample, 5), io.Discard); got != nil {
		t.Error(fmt.Sprint("of too few: ", got))
	}
}
