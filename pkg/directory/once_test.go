package directory_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func creation(name string) directory.Command {
	return directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: name}}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	w := clients(t)
	ask := func(key, request byte, after time.Duration) (directory.Outcome, error) {
		s := w.Stamp()
		s.At = s.At.Add(after)
		r := directorytest.Request(creation("Acme"))
		r.Once = &directory.Once{Key: hashOf(key), Request: hashOf(request)}
		out, err := directory.Decide(w.Rows, r, s)
		if err != nil {
			return out, err
		}
		for _, e := range out.Events {
			if err := w.Fold(e); err != nil {
				t.Fatal(err)
			}
		}
		return out, nil
	}
	first, err := ask(1, 1, 0)
	if err != nil || len(first.Events) != 2 || first.Events[1].Type != events.TypeIdempotencyKeyUsed {
		t.Fatalf("the first request causes %v (%v)", first.Events, err)
	}
	if again, err := ask(1, 1, directory.KeyLife-time.Hour); err != nil || len(again.Events) != 0 || again.Resource != first.Resource {
		t.Errorf("the repeat causes %v about %q (%v)", again.Events, again.Resource, err)
	}
	if _, err := ask(1, 2, 0); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("another request with the key: %v", err)
	}
	if other, err := ask(2, 1, 0); err != nil || other.Resource == first.Resource {
		t.Errorf("another key leads to %q (%v)", other.Resource, err)
	}
	if late, err := ask(1, 2, directory.KeyLife+time.Hour); err != nil || len(late.Events) != 2 || late.Resource == first.Resource {
		t.Errorf("a day later the key leads to %v (%v)", late.Events, err)
	}
	if _, err := directory.Decide(w.Rows, directory.Request{Command: creation("x"), Once: &directory.Once{Key: []byte{1}}}, w.Stamp()); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("half a key: %v", err)
	}
}

// Keys that no longer count are removed with the next ones, and only those.
func TestOnce_rowsAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := directory.NewOverlay(directory.Empty{})
		at := directorytest.Start
		used := map[string]time.Time{}
		fold := func(key byte) {
			e, err := events.New(events.Event{ID: 1, At: at}, events.IdempotencyKeyUsed{Key: hashOf(key), Request: hashOf(key), Row: "x"})
			if err != nil {
				t.Fatal(err)
			}
			changes, err := directory.Evolve(rows, e)
			if err != nil {
				t.Fatal(err)
			}
			rows.Apply(changes)
			used[directory.HashKey(hashOf(key))] = at
		}
		for range rapid.IntRange(1, 60).Draw(t, "keys") {
			at = at.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "hours")) * time.Hour)
			fold(rapid.Byte().Draw(t, "key"))
		}
		at = at.Add(directory.KeyLife + time.Hour)
		for k := range 100 {
			at = at.Add(time.Second)
			fold(byte(k))
		}
		n, order := 0, 0
		_ = rows.Scan(directory.Make(directory.TableUsedKey), "", func(k directory.Key, _ directory.Row) bool {
			n++
			if at.Sub(used[k.Last()]) > directory.KeyLife {
				t.Fatalf("%s is still there", k.Last())
			}
			return true
		})
		_ = rows.Scan(directory.Make(directory.TableUsedKeyOrder), "", func(directory.Key, directory.Row) bool { order++; return true })
		if n != 100 || order != n {
			t.Fatalf("%d keys in %d places, want 100", n, order)
		}
	})
}
