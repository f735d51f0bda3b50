package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// label leads every line of a master key file, so that whoever finds one knows
// what it is.
const label = "rollcall-master-key:"

// maxFile bounds what is read: about 60 keys.
const maxFile = 4096

// Load reads a master key file: one key a line, the label and standard base64.
// Empty lines and those that begin with # are skipped. To change the key, put a
// new line first and keep the old ones.
//
// Errors: fs.ErrNotExist if there is no file; no error shows any of its content.
func Load(path string) (*Keys, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("open master key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read master key file: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("master key file %s is larger than %d bytes; is it the right file?", path, maxFile)
	}
	var masters [][]byte
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		code, ok := bytes.CutPrefix(line, []byte(label))
		m, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(code)))
		if !ok || err != nil || len(m) != KeySize {
			return nil, fmt.Errorf("line %d of master key file %s is not %q and %d bytes in base64", n, path, label, KeySize)
		}
		masters = append(masters, m)
	}
	if len(masters) == 0 {
		return nil, fmt.Errorf("master key file %s holds no key", path)
	}
	return New(masters...)
}

// LoadOrCreate is Load, after making the file with a random key if there is
// none. A new file is readable by its owner only (mode 0600) and on the disk
// before LoadOrCreate returns; of several programs that start at once, one
// makes it and all use it.
func LoadOrCreate(path string) (*Keys, error) {
	if k, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make master key file: %w", err)
	}
	return Load(path)
}

// create writes beside path and links, so that no reader sees half a file.
func create(path string) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".master-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	var m [KeySize]byte
	_, _ = rand.Read(m[:]) // never fails: it ends the program instead
	_, err = fmt.Fprintf(tmp, "%s %s\n", label, base64.StdEncoding.EncodeToString(m[:]))
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a new name durable. Where a directory cannot be synced, the
// system does so itself.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the directory of the operator's file
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}
