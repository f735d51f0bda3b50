package seal_test

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/seal"
)

func TestLoadOrCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	const starters = 8
	sealed := make([][]byte, starters)
	var wg sync.WaitGroup
	for i := range starters {
		wg.Go(func() {
			k, err := seal.LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			sealed[i] = k.Seal(seal.WebhookSecret, []byte("x"))
		})
	}
	wg.Wait()
	k, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sealed {
		if got, err := k.Open(seal.WebhookSecret, s); err != nil || string(got) != "x" {
			t.Errorf("starter %d used another key: %q, %v", i, got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	secret := base64.StdEncoding.EncodeToString(make([]byte, seal.KeySize))
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"one key":            {"rollcall-master-key: " + secret, true},
		"comments and two":   {"# new\r\nrollcall-master-key: " + secret + "\r\n\n# old\nrollcall-master-key:" + secret + "\n", true},
		"empty":              {"", false},
		"comments only":      {"# nothing\n", false},
		"no label":           {secret, false},
		"not base64":         {"rollcall-master-key: %%%" + secret, false},
		"too short":          {"rollcall-master-key: " + secret[:40], false},
		"something else big": {strings.Repeat("x", 5000), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "k")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := seal.Load(path)
			if (err == nil) != tt.ok {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), secret[:40]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestLoad_missing(t *testing.T) {
	t.Parallel()
	if _, err := seal.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want fs.ErrNotExist", err)
	}
	if _, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "none", "k")); err == nil {
		t.Error("a folder that is not there was accepted")
	}
}
