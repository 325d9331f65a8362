//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package mqtt

// isLocked is not known where bbolt locks in another way.
func isLocked(string) bool { return false }
