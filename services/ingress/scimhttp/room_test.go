package scimhttp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newRoom()
		for range largeBodies {
			if err := m.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		started := time.Now()
		err := m.enter(t.Context())
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Unavailable {
			t.Errorf("without room: %v, want a fault of kind unavailable", err)
		}
		if waited := time.Since(started); waited != roomWithin {
			t.Errorf("it waited %v, want %v", waited, roomWithin)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.enter(gone); err == nil {
			t.Error("a request that had ended got a place")
		}
		go func() {
			time.Sleep(time.Second)
			m.leave()
		}()
		if err := m.enter(t.Context()); err != nil {
			t.Errorf("after one left: %v", err)
		}
	})
}
