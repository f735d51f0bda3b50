package directory_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

var overlayKeys = []directory.Key{"a", "a\x00", "ab", "ab\x00", "ab\x00c", "abc", "b", "b\x00x", "b\x00y", "ba", "z"}

// layers draws up to four overlays over each other and the map that they show.
func layers(t *rapid.T) (*directory.Overlay, map[directory.Key]directory.Row) {
	model := map[directory.Key]directory.Row{}
	top := directory.NewOverlay(directory.Empty{})
	for range rapid.IntRange(1, 4).Draw(t, "layers") {
		top = directory.NewOverlay(top)
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			k := rapid.SampledFrom(overlayKeys).Draw(t, "key")
			if rapid.Bool().Draw(t, "remove") {
				top.Apply([]directory.Change{{Key: k}})
				delete(model, k)
			} else {
				v := directory.Ref(rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value"))
				top.Set(k, v)
				model[k] = v
			}
		}
	}
	return top, model
}

type seen struct {
	Key directory.Key
	Row directory.Row
}

// TestOverlayScan compares scans of random layers with a sorted map.
func TestOverlayScan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o, model := layers(t)
		prefix := rapid.SampledFrom([]directory.Key{"a", "a\x00", "ab", "ab\x00", "b", "b\x00", "c", "z", "zz"}).Draw(t, "prefix")
		after := rapid.SampledFrom(append([]directory.Key{"", "A", "aa", "b\x00xx", "~"}, overlayKeys...)).Draw(t, "after")
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		var want, got []seen
		for _, k := range slices.Sorted(maps.Keys(model)) {
			if strings.HasPrefix(string(k), string(prefix)) && k > after && len(want) < limit {
				want = append(want, seen{k, model[k]})
			}
		}
		if err := o.Scan(prefix, after, func(k directory.Key, r directory.Row) bool {
			got = append(got, seen{k, r})
			return len(got) < limit
		}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("scan of %q after %q, at most %d (-want +got):\n%s", prefix, after, limit, d)
		}
		for _, k := range overlayKeys {
			r, err := o.Get(k)
			if err != nil || r != model[k] {
				t.Fatalf("get %q: %v, %v; want %v", k, r, err, model[k])
			}
		}
	})
}

// TestOverlayScanBack compares backward scans of random layers with a sorted
// map.
func TestOverlayScanBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o, model := layers(t)
		prefix := rapid.SampledFrom([]directory.Key{"a", "a\x00", "ab", "ab\x00", "b", "b\x00", "c", "z", "zz"}).Draw(t, "prefix")
		before := rapid.SampledFrom(append([]directory.Key{"", "A", "aa", "b\x00xx", "~"}, overlayKeys...)).Draw(t, "before")
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		var want, got []seen
		for _, k := range slices.Backward(slices.Sorted(maps.Keys(model))) {
			if strings.HasPrefix(string(k), string(prefix)) && (before == "" || k < before) && len(want) < limit {
				want = append(want, seen{k, model[k]})
			}
		}
		if err := o.ScanBack(prefix, before, func(k directory.Key, r directory.Row) bool {
			got = append(got, seen{k, r})
			return len(got) < limit
		}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("scan back of %q before %q, at most %d (-want +got):\n%s", prefix, before, limit, d)
		}
	})
}

// TestOverlaySnapshot says that a snapshot and its original no longer affect
// each other.
func TestOverlaySnapshot(t *testing.T) {
	t.Parallel()
	o := directory.NewOverlay(directory.Empty{})
	o.Set("a", directory.Ref("1"))
	s := o.Snapshot(directory.Empty{})
	o.Set("a", directory.Ref("2"))
	s.Set("b", directory.Ref("3"))
	for _, c := range []struct {
		of   *directory.Overlay
		key  directory.Key
		want directory.Row
	}{{o, "a", directory.Ref("2")}, {o, "b", nil}, {s, "a", directory.Ref("1")}, {s, "b", directory.Ref("3")}} {
		if r, err := c.of.Get(c.key); err != nil || r != c.want {
			t.Errorf("get %q: %v, %v; want %v", c.key, r, err, c.want)
		}
	}
	if o.Len() != 1 || s.Len() != 2 {
		t.Errorf("%d and %d keys were changed, want 1 and 2", o.Len(), s.Len())
	}
}

// TestOverlayChanged compares it with the tables of all changes, not of what lies
// below.
func TestOverlayChanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o, _ := layers(t)
		want := map[directory.Table]bool{}
		o.Changes(func(k directory.Key, _ directory.Row) bool {
			want[k.Table()] = true
			return true
		})
		for _, table := range []directory.Table{'A', 'a', 'b', 'c', 'z'} {
			if got := o.Changed(table); got != want[table] {
				t.Errorf("table %c changed: %v, want %v", table, got, want[table])
			}
		}
	})
}

// TestOverlayGrows holds look-ups in an overlay and its snapshots to each other
// while it grows through several sizes.
func TestOverlayGrows(t *testing.T) {
	t.Parallel()
	o := directory.NewOverlay(directory.Empty{})
	key := func(i int) directory.Key { return directory.Make(directory.TableUser, "d", strconv.Itoa(i)) }
	var snaps []*directory.Overlay
	for i := range 3000 {
		if i%500 == 0 {
			snaps = append(snaps, o.Snapshot(directory.Empty{}))
		}
		o.Set(key(i), directory.Ref("x"))
	}
	snaps = append(snaps, o)
	for n, s := range snaps {
		for i := range 3000 {
			r, err := s.Get(key(i))
			if err != nil || (r != nil) != (i < n*500) {
				t.Fatalf("snapshot %d shows %v for key %d, error %v", n, r, i, err)
			}
		}
	}
}
