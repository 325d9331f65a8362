//go:build unix

package mqtt

import (
	"os"
	"syscall"
)

// keepOwner gives a file the owner and the mode of another: somebody else, such
// as root, may compact the store of a daemon.
func keepOwner(file, as string) error {
	has, err := os.Stat(file)
	if err != nil {
		return err
	}
	wants, err := os.Stat(as)
	if err != nil {
		return err
	}
	now, known := has.Sys().(*syscall.Stat_t)
	owner, alike := wants.Sys().(*syscall.Stat_t)
	if known && alike && (now.Uid != owner.Uid || now.Gid != owner.Gid) {
		if err := os.Chown(file, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	if has.Mode() != wants.Mode() {
		return os.Chmod(file, wants.Mode().Perm())
	}
	return nil
}
