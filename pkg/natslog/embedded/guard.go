package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// guard keeps the server from destroying what it cannot read.
//
// When the server fails to recover a stream at its start, for whatever reason
// (a read error, no file handle left, a full disk that refuses its trial file,
// a damaged compressed block), it logs a warning, removes the stream's whole
// folder and goes on without it (seen with 2.15.2). The next one to ask would
// create an empty log. So every file of every stream gets a second name, a hard
// link, before the server starts. If a stream is missing afterwards, its files
// get their names back and the start fails.
//
// Links cost no room and about a millisecond per hundred files. Recovery may
// also cut a file's end in place; a link does not protect from that, the chain
// of hashes tells.
type guard struct {
	streams string // the store's folder of streams
	links   string // ours
}

// raise gives every file its second name. Links that a start before left
// behind, having crashed, are put back first where their file is gone.
func (g guard) raise() error {
	left, err := folders(g.links)
	if err != nil {
		return fmt.Errorf("read the guard of the store: %w", err)
	}
	for _, name := range left {
		if err := g.restore(name); err != nil {
			return err
		}
	}
	if err := g.lower(); err != nil {
		return err
	}
	names, err := folders(g.streams)
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	for _, name := range names {
		if err := link(filepath.Join(g.streams, name), filepath.Join(g.links, name)); err != nil {
			return fmt.Errorf("guard the stream %s against loss while the server starts: %w; the data directory must be on a file system with hard links", name, err)
		}
	}
	return nil
}

// lower removes the second names.
func (g guard) lower() error {
	if err := os.RemoveAll(g.links); err != nil {
		return fmt.Errorf("remove the guard of the store: %w", err)
	}
	return nil
}

// missing returns the guarded streams that the server does not serve.
func (g guard) missing(served map[string]bool) []string {
	names, err := folders(g.links)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool { return served[name] })
}

// refuse puts the files of the missing streams back, after the server has
// stopped, and returns the reason not to start.
func (g guard) refuse(missing []string) error {
	for _, name := range missing {
		if err := os.RemoveAll(filepath.Join(g.streams, name)); err != nil {
			return fmt.Errorf("put the stream %s back: %w; its files are in %s", name, err, g.links)
		}
		if err := g.restore(name); err != nil {
			return err
		}
	}
	if err := g.lower(); err != nil {
		return err
	}
	return fmt.Errorf("the embedded NATS server could not load %s; its files were kept in %s and are as they were. The warnings above say why: free disk, memory or file handles and start again, or restore the folder from a backup",
		strings.Join(missing, ", "), g.streams)
}

// restore gives every guarded file of a stream that has lost its first name
// that name back.
func (g guard) restore(name string) error {
	if err := link(filepath.Join(g.links, name), filepath.Join(g.streams, name)); err != nil {
		return fmt.Errorf("put the stream %s back: %w; its files are in %s", name, err, g.links)
	}
	return nil
}

// link makes the tree to with a hard link for every file below from, except
// those that to already has.
func link(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		//nolint:gosec // nobody else writes to the data directory: it is locked and 0700
		if err := os.Link(path, filepath.Join(to, rel)); !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil
	})
}

// folders lists the folders in dir, none if there is no dir. Folders without
// any file in them are left out.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && holdsFiles(filepath.Join(dir, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func holdsFiles(dir string) bool {
	found := errors.New("found")
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			return found
		}
		return err
	})
	return errors.Is(err, found)
}
