package scimhttp

import (
	"context"
	"time"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	// largeBody is the size from which on a body has to wait for room, in bytes.
	// What providers send all day is some 2 KiB and never waits.
	largeBody = 64 << 10
	// largeBodies is how many of them are decoded and held at once. 4 MiB of
	// empty objects become some 90 MiB of maps, so the worst that all clients
	// together can ask for is some 360 MiB.
	largeBodies = 4
	// roomWithin is how long a request waits for room.
	roomWithin = 5 * time.Second
)

// room is what requests with a large body share.
type room chan struct{}

func newRoom() room { return make(room, largeBodies) }

// enter waits for a place. The caller gives it back with leave once it needs the
// body no more. Without a place within roomWithin it is a fault of kind Unavailable, so
// that the provider tries again.
func (m room) enter(ctx context.Context) error {
	select {
	case m <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(roomWithin)
	defer t.Stop()
	select {
	case m <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, context.Cause(ctx), "The request ended while it waited for others with large bodies.")
	case <-t.C:
		return fault.New(fault.Unavailable, "Too many requests with large bodies are in work; send this one again in a moment.")
	}
}

func (m room) leave() { <-m }
