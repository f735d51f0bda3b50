package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Walking forth shows every match once and in order, walking back from the last
// page shows the same again, whatever the page size, and also when rows come
// and go in between.
func TestList_walks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfNDistinct(rapid.IntRange(1, 500), 0, 60, rapid.ID[int]).Draw(t, "ids")
		modulus := rapid.IntRange(1, 3).Draw(t, "keep every")
		size := rapid.IntRange(1, 12).Draw(t, "size")
		rows := directory.NewOverlay(directory.Empty{})
		key := func(id string) directory.Key { return directory.Make(directory.TableGroup, "dir_1", id) }
		var want []string
		for _, n := range numbers {
			id := directory.FormatID(directory.PrefixGroup, uint64(n))
			rows.Set(key(id), &directory.Group{ID: id, Members: uint64(n)})
			if n%modulus == 0 {
				want = append(want, id)
			}
		}
		rows.Set(directory.Make(directory.TableGroup, "dir_0", "dirgroup_x"), &directory.Group{})
		rows.Set(directory.Make(directory.TableGroup, "dir_2", "dirgroup_x"), &directory.Group{})
		slices.Sort(want)
		l := list{prefix: directory.Make(directory.TableGroup, "dir_1"), key: key, kind: listGroups}
		total := uint64(len(want))
		if modulus == 1 && rapid.Bool().Draw(t, "total known") {
			l.total = &total
		} else {
			l.keep = func(_ directory.Key, r directory.Row) (bool, error) {
				g, ok := r.(*directory.Group)
				return ok && g.Members%uint64(modulus) == 0, nil
			}
		}

		turn := func(token string) page {
			at, err := parseCursor(listGroups, token)
			if err != nil {
				t.Fatal(err)
			}
			p, err := l.read(rows, at, size)
			if err != nil {
				t.Fatal(err)
			}
			if int(p.total) != len(want) || len(p.ids) > size {
				t.Fatalf("a page of %d, total %d; want at most %d, total %d", len(p.ids), p.total, size, len(want))
			}
			return p
		}
		var forth, back []string
		p := turn("")
		if p.prev != "" {
			t.Fatal("the first page has one before it")
		}
		for {
			forth = append(forth, p.ids...)
			if p.next == "" {
				break
			}
			p = turn(p.next)
		}
		if !slices.Equal(forth, want) {
			t.Fatalf("forth %v, want %v", forth, want)
		}
		for back = p.ids; p.prev != ""; back = append(slices.Clone(p.ids), back...) {
			next := p.ids[0]
			p = turn(p.prev)
			if again := turn(p.next); len(again.ids) == 0 || again.ids[0] != next {
				t.Fatalf("forth again from %v leads to %v, want %s first", p.ids, again.ids, next)
			}
		}
		if !slices.Equal(back, want) {
			t.Fatalf("back %v, want %v", back, want)
		}
	})
}

func TestParseCursor_refuses(t *testing.T) {
	t.Parallel()
	good := cursor{at: "org_1"}.token(listOrganizations)
	for _, token := range []string{"x", "%%%", good + "!", good[:3], cursor{at: "org_1"}.token(listUsers), strings.Repeat("A", 5000)} {
		if _, err := parseCursor(listOrganizations, token); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%.20q: %v", token, err)
		}
	}
}

// Every kind has a code of its own choosing, and a kind that is added later is
// at least not taken for a success.
func TestKinds_areMapped(t *testing.T) {
	t.Parallel()
	for k := fault.Internal; k.String() != "unknown"; k++ {
		if _, ok := kinds[k]; !ok {
			t.Errorf("%v has no code", k)
		}
	}
	if f := classify(fault.New(fault.Kind(200), "x")); f.status != 500 || f.code != codeInternal {
		t.Errorf("an unknown kind: %+v", f)
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Model") {
		t.Errorf("an empty Config: %v", err)
	}
	if got := fmt.Sprint(Prefixes); !strings.Contains(got, "//oauth/") {
		t.Errorf("prefixes %s", got)
	}
}
