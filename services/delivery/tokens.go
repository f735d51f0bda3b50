package delivery

import "sync"

// tokens bounds the attempts in flight of all endpoints. Lanes that found none
// are served in the order in which they asked, so a busy endpoint cannot keep
// the others from theirs.
type tokens struct {
	mu      sync.Mutex
	free    int
	waiting []*lane
}

func newTokens(n int) *tokens { return &tokens{free: n} }

// take takes a token for the lane, or puts the lane in the queue. The lane's
// slot is locked.
func (t *tokens) take(l *lane) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return true
	}
	if !l.starved {
		l.starved = true
		t.waiting = append(t.waiting, l)
	}
	return false
}

// give gives a token back.
func (t *tokens) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
}

// next returns the lane that is to try next, nil if there is none or no token
// for it. No slot is locked. Whoever gave a token calls it until it answers nil:
// a lane that is served need not take the token.
func (t *tokens) next() *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == 0 || len(t.waiting) == 0 {
		return nil
	}
	l := t.waiting[0]
	t.waiting[0] = nil
	t.waiting = t.waiting[1:]
	l.starved = false
	return l
}
