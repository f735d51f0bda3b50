//go:build unix && !solaris && !aix

package embedded

import (
	"errors"
	"os"
	"syscall"
)

func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // a descriptor
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func isHeld(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }
