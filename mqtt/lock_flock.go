//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package mqtt

import (
	"errors"
	"os"
	"syscall"
)

// isLocked tells that another process holds a file, as bbolt does here.
func isLocked(path string) bool {
	file, err := os.Open(path) //nolint:gosec // the store's
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // and lets go of it
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
