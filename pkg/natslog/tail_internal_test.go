package natslog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestQuestionIsShared lets ten callers come while a question is on its way:
// they do not take its answer, and share the next one.
func TestQuestionIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Uint64
		q := question{ask: func(context.Context) (uint64, error) {
			n := asked.Add(1)
			time.Sleep(time.Second)
			return n, nil
		}}
		var callers sync.WaitGroup
		call := func(want uint64) {
			callers.Go(func() {
				if got, err := q.wait(t.Context()); got != want || err != nil {
					t.Errorf("the answer is %d, %v; want that of question %d", got, err, want)
				}
			})
		}
		call(1)
		synctest.Wait()
		for range 10 {
			call(2)
		}
		synctest.Wait()
		if got := asked.Load(); got != 1 {
			t.Errorf("%d questions are on their way, want 1", got)
		}
		callers.Wait()
		if got := asked.Load(); got != 2 {
			t.Errorf("%d questions for eleven callers, want 2", got)
		}
		call(3)
		callers.Wait()
	})
}

func TestQuestionFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		var asked atomic.Uint64
		q := question{ask: func(ctx context.Context) (uint64, error) {
			if asked.Add(1) == 1 {
				return 0, broken
			}
			<-ctx.Done() // never answered
			return 0, ctx.Err()
		}}
		if _, err := q.wait(t.Context()); !errors.Is(err, broken) {
			t.Errorf("the answer is %v, want the question's error", err)
		}
		// A caller that gives up does not end the question for the others.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var other sync.WaitGroup
		other.Go(func() {
			if _, err := q.wait(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the patient caller is told %v, want the question's time-out", err)
			}
		})
		synctest.Wait()
		began := time.Now()
		if _, err := q.wait(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("the impatient caller is told %v after %s", err, time.Since(began))
		}
		other.Wait()
		if took := time.Since(began); took != askTimeout {
			t.Errorf("a question without an answer took %s, want %s", took, askTimeout)
		}
		// The impatient caller's own question is still on its way.
		time.Sleep(2 * askTimeout)
		synctest.Wait()
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := q.wait(cancelled); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who is gone is told %v", err)
		}
		if got := asked.Load(); got != 3 {
			t.Errorf("%d questions, want 3", got)
		}
	})
}
