package readmodel_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

// TestGrowsBesideReaders says that a file has address space to grow into: where
// it had to be mapped anew, a goroutine that reads twice at a time would wait for
// ever.
func TestGrowsBesideReaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model.db")
	s, err := readmodel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("this system does not show its mappings")
	}
	var size uint64
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSpace(line), path) {
			continue
		}
		from, to, _ := strings.Cut(strings.Fields(line)[0], "-")
		a, err1 := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil {
			t.Fatal(fmt.Errorf("%s: %w, %w", line, err1, err2))
		}
		size += b - a
	}
	if least := uint64(32 << 30); size < least {
		t.Errorf("%d bytes are mapped, at least %d are needed", size, least)
	}
}
