package main

import "testing"

func TestGarbagePercent(t *testing.T) {
	for phones, want := range map[int]int{0: 300, 1000: 196, 10_000: 50, 1_000_000: 50} {
		if got := garbagePercent(phones); got != want {
			t.Errorf("%d phones: got %d, want %d", phones, got, want)
		}
	}
}
