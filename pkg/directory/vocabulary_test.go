package directory_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// TestEveryEventIsFolded says that no type of the vocabulary, each of which has
// a golden file, is passed over by Evolve unnoticed.
func TestEveryEventIsFolded(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.FromSlash("../../events/testdata/golden/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the golden files are not there: %v", err)
	}
	for _, f := range files {
		typ, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".json"), "-")
		if !directory.Knows(events.Type(typ)) {
			t.Errorf("%s is not folded", typ)
		}
	}
}
