package credential_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/credential"
)

func TestNew(t *testing.T) {
	t.Parallel()
	a, b := credential.New(credential.PrefixSCIM), credential.New(credential.PrefixSCIM)
	if a.Plain == b.Plain {
		t.Error("two secrets are the same")
	}
	if !strings.HasPrefix(a.Plain, "rcs_") || len(a.Plain) != len("rcs_")+43 {
		t.Errorf("secret of %d characters, want rcs_ and 43", len(a.Plain))
	}
	sum := sha256.Sum256([]byte(a.Plain))
	if diff := cmp.Diff(sum[:], a.Hash); diff != "" {
		t.Errorf("hash (-want +got):\n%s", diff)
	}
	if a.Suffix != a.Plain[len(a.Plain)-4:] {
		t.Errorf("suffix %q", a.Suffix)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	s := credential.New("")
	for name, tt := range map[string]struct {
		plain string
		hash  []byte
		want  bool
	}{
		"right":       {s.Plain, s.Hash, true},
		"wrong":       {s.Plain + "x", s.Hash, false},
		"empty":       {"", s.Hash, false},
		"no hash":     {s.Plain, nil, false},
		"short hash":  {s.Plain, s.Hash[:31], false},
		"other's own": {credential.New("").Plain, s.Hash, false},
	} {
		if got := credential.Matches(tt.plain, tt.hash); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestOf_short(t *testing.T) {
	t.Parallel()
	if got := credential.Of("abc").Suffix; got != "abc" {
		t.Errorf("suffix %q, want abc", got)
	}
}
