//go:build unix

package mqtt

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestCompactionKeepsOwner has root compact the store of a daemon that is not root.
func TestCompactionKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	dir := closedStore(t)
	file := filepath.Join(dir, fileName)
	if err := os.Chown(file, 65532, 65531); err != nil {
		t.Fatal(err)
	}
	if _, _, err := CompactStore(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != 65532 || owner.Gid != 65531 || info.Mode().Perm() != 0o600 {
		t.Errorf("owner %d %d, mode %v", owner.Uid, owner.Gid, info.Mode())
	}
}
