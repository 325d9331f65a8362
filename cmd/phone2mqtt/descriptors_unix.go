//go:build unix

package main

import (
	"math"
	"syscall"
)

// descriptors is how many files and connections this process may have open. The runtime has raised it
// as far as it may.
func descriptors() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxInt
	}
	return int(min(limit.Cur, math.MaxInt32))
}
