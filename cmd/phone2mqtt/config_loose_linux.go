package main

import (
	"io/fs"
	"syscall"
)

// mendable tells whether the permissions of a file can be changed where it is.
func mendable(path string) bool {
	const readOnly = 1 // ST_RDONLY of statfs(2), of this mount
	var mount syscall.Statfs_t
	return syscall.Statfs(path, &mount) != nil || mount.Flags&readOnly == 0
}

// ours tells whether a file belongs to a user, or root asks, who may change any.
func ours(info fs.FileInfo, user int) bool {
	of, ok := info.Sys().(*syscall.Stat_t)
	return ok && (user == 0 || int64(of.Uid) == int64(user))
}
