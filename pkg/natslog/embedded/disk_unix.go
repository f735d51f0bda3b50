//go:build linux || darwin || freebsd

package embedded

import "syscall"

// FreeDisk returns how many bytes an unprivileged process may still write to
// the file system of dir. On systems where it cannot be told, the error is
// errors.ErrUnsupported.
func FreeDisk(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // the types differ between systems
}
