// Package boltfile opens bbolt files that may be damaged. Every file that
// Rollcall keeps in bbolt can be folded again from a stream, so the one thing
// that must not happen is that a damaged one ends the process, at every start.
//
// What must not live here: what is in a file (pkg/readmodel,
// pkg/attempts/ledger).
package boltfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	// ErrCorrupt says that the file cannot be trusted. Remove it and fold again.
	ErrCorrupt = errors.New("the file is damaged")
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("the file is in use by another process")
)

// lockTimeout is how long opening waits for another process to let go.
const lockTimeout = 2 * time.Second

// Options of Open.
type Options struct {
	// Mapped is how much address space is reserved, in bytes: behind it, growing
	// the file waits until nobody reads, and whoever begins to read waits for that.
	// So a goroutine that begins to read while it reads already may wait for ever.
	// A system that does not give as much gives a smaller part. 0 is bbolt's
	// default.
	Mapped int
}

// Open walks all pages of the file at path, making it if it is missing, and
// opens it.
//
// Errors: ErrCorrupt, ErrLocked, or what the operating system says.
func Open(path string, o Options) (db *bolt.DB, err error) {
	// bbolt panics on some kinds of damage rather than returning an error.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	if err := inspect(path); err != nil {
		return nil, err
	}
	for mapped := o.Mapped; ; mapped /= 8 {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: lockTimeout, InitialMmapSize: mapped, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		})
		switch {
		case err == nil:
			return db, nil
		case mapped > leastMapped && errors.Is(err, syscall.ENOMEM): // a limit on address space
			continue
		}
		return nil, classify(path, err)
	}
}

// leastMapped is where asking for less address space ends.
const leastMapped = 64 << 20

// classify tells a damaged file from one that is in use and from what the
// operating system refuses, which says nothing about the file.
func classify(path string, err error) error {
	_, refused := errors.AsType[*os.PathError](err)
	_, errno := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: %s", ErrLocked, path)
	case refused, errno:
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}
