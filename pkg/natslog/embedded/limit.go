package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

// DefaultStoreLimit returns the store limit for a data directory in bytes: 80%
// of the free disk and what the store already uses. The rest is for the read
// models and for everybody else.
func DefaultStoreLimit(dir string) (int64, error) {
	free, err := FreeDisk(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, errors.New("the free disk cannot be told on this system; set a store limit in bytes with --store-limit")
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the free disk: %w", err)
	}
	used, err := size(filepath.Join(dir, server.JetStreamStoreDir))
	if err != nil {
		return 0, fmt.Errorf("measure the store: %w", err)
	}
	return free/100*80 + used, nil
}

// reserved sums the bounds that the streams on disk were defined with, in
// bytes. The server refuses every change to any stream, a smaller bound too,
// while the bounds together exceed its limit. So it must not start below them.
func reserved(streams string) int64 {
	var n int64
	names, err := folders(streams)
	if err != nil {
		return 0
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(streams, name, "meta.inf")) //nolint:gosec // in the operator's data directory
		if err != nil {
			continue
		}
		var config struct {
			MaxBytes int64 `json:"max_bytes"`
		}
		// One that cannot be read is met again after the start.
		if json.Unmarshal(b, &config) == nil && config.MaxBytes > 0 {
			n += config.MaxBytes
		}
	}
	return n
}

// size sums the files below dir; 0 if there is none. Files that vanish while
// it walks count nothing.
func size(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreMissing(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		n += info.Size()
		return nil
	})
	return n, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
