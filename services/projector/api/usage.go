package api

import (
	"context"
	"sync"
	"time"
)

// usedEvery is how often one client's use is told: nobody needs it to the second.
const usedEvery = time.Minute

// Uses is told that API clients are used. It must not block.
type Uses interface {
	Used(client string, at time.Time)
}

// lastUse is when each client was last said to be used; a use within usedEvery of
// that is not.
type lastUse struct {
	mu sync.Mutex
	at map[string]time.Time
}

// used tells of a client, if that was not done a moment ago.
func (c *core) used(client string) {
	now := c.cfg.Now()
	c.last.mu.Lock()
	told, known := c.last.at[client]
	due := !known || now.Sub(told) >= usedEvery
	if due {
		c.last.at[client] = now // there are at most as many as clients
	}
	c.last.mu.Unlock()
	if due && c.cfg.Uses != nil {
		c.cfg.Uses.Used(client, now)
	}
}

// lastUsed returns when a client was last used, the zero time if that is not
// known.
func (c *core) lastUsed(ctx context.Context, client string) time.Time {
	var at time.Time
	if c.cfg.SyncLog != nil {
		if st, err := c.cfg.SyncLog.Status(ctx, client); err == nil {
			at = st.Last
		}
	}
	c.last.mu.Lock()
	defer c.last.mu.Unlock()
	return later(at, c.last.at[client])
}
