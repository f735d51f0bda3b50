package demo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func touching(sets ...[]ref) []change {
	var out []change
	for _, s := range sets {
		out = append(out, change{touches: s})
	}
	return out
}

func TestSchedule_keepsOrderAndLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		changes := touching([]ref{1}, []ref{1, 2}, []ref{2}, []ref{3}, []ref{4}, []ref{3, 4, 1}, []ref{5}, []ref{5})
		after := order(changes)
		var mu sync.Mutex
		var finished []int
		running, most := 0, 0
		err := schedule(t.Context(), changes, 3, 0, func(_ context.Context, i int) error {
			mu.Lock()
			for _, j := range after[i] {
				if !slices.Contains(finished, j) {
					t.Errorf("%d started before %d had ended", i, j)
				}
			}
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Duration(10-i) * time.Second) // on the bubble's clock
			mu.Lock()
			running--
			finished = append(finished, i)
			mu.Unlock()
			return nil
		})
		if err != nil || len(finished) != len(changes) {
			t.Fatalf("%d of %d were played: %v", len(finished), len(changes), err)
		}
		if most < 2 || most > 3 {
			t.Errorf("%d were under way at once, want 2 or 3", most)
		}
	})
}

func TestSchedule_keepsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		changes := make([]change, 11)
		if err := schedule(t.Context(), changes, 8, 5, func(context.Context, int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("11 changes at 5 a second took %v, want 2s", took)
		}
	})
}

func TestSchedule_endsAtTheFirstError(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	played := 0
	err := schedule(t.Context(), touching([]ref{1}, []ref{1}, []ref{1}), 1, 0, func(_ context.Context, i int) error {
		played++
		if i == 1 {
			return refused
		}
		return nil
	})
	if !errors.Is(err, refused) || played != 2 {
		t.Errorf("%d were played, error %v", played, err)
	}
}

func TestSchedule_endsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := schedule(ctx, touching([]ref{1}, []ref{1}), 2, 0, func(ctx context.Context, _ int) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Whoever leaves a group, in whatever way, must have left before the group's
// next rename is told to its members.
func TestOrder_leavingComesBeforeTheNextRename(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(p *planner, u, g ref){
		"deleted":     func(p *planner, u, _ ref) { p.leave(entra, u) },
		"removed":     func(p *planner, u, g ref) { p.setMembers(removeMembers, entra, g, []ref{u}) },
		"pushed out":  func(p *planner, _, g ref) { p.push(entra, g, nil) },
		"deactivated": func(p *planner, u, _ ref) { p.activate(entra, u, false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &planner{roll: func(n int) int { return n - 1 }}
			p.join(entra)
			p.newGroup(entra)
			u, g := p.users[entra][0], p.groups[entra][0]
			left := len(p.changes)
			leave(p, u, g)
			p.renameGroup(entra, g)
			if after := order(p.changes)[left+1]; !slices.Contains(after, left) {
				t.Errorf("the rename waits for %v, not for %d", after, left)
			}
		})
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		wants []want
		want  error
	}{
		{"nothing is open", nil, nil},
		{"one never comes", []want{{about: 0, version: 1}}, errMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				l.expect(tt.wants, func(ref) string { return "diruser_1" }, joinUser, time.Now())
				start := time.Now()
				if err := await(t.Context(), l, 10*time.Second); !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if took := time.Since(start); took < settle {
					t.Errorf("it waited %v only", took)
				}
			})
		})
	}
}
