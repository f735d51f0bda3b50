package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// dirLock is an open file that the operating system locks for us. However this
// process ends, the lock ends with it.
type dirLock struct {
	file *os.File
	once sync.Once
	err  error
}

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := openLocked(path)
	if err != nil {
		if !isHeld(err) {
			return nil, fmt.Errorf("lock the data directory: %w", err)
		}
		who := "another process"
		//nolint:gosec // in the operator's data directory
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 && len(b) < 16 {
			who = "the process " + strings.TrimSpace(string(b))
		}
		abs, err := filepath.Abs(dir)
		if err != nil {
			abs = dir
		}
		return nil, fmt.Errorf("the data directory %s is in use by %s; stop it or choose another directory with --data", abs, who)
	}
	// The number is for people only; it says nothing once the lock is free.
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(f, os.Getpid())
	}
	return &dirLock{file: f}, nil
}

func (l *dirLock) release() error {
	l.once.Do(func() { l.err = l.file.Close() })
	return l.err
}
