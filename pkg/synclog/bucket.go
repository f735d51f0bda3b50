package synclog

import "time"

// bucket is a token bucket on a clock that it is told.
type bucket struct {
	left, most float64
	at         time.Time
}

// full returns one with all of its tokens.
func full(most float64, now time.Time) bucket { return bucket{most, most, now} }

// refill adds what has come in since the last call, at a rate per second.
func (b *bucket) refill(rate float64, now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.left = min(b.most, b.left+rate*d.Seconds())
	}
	b.at = now
}

// has reports whether n can be taken and the reserve is still there.
func (b *bucket) has(n, reserve float64) bool { return b.left-n >= reserve }
