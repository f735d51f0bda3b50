package scimhttp

import (
	"math"
	"sync"
	"time"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// sweepEvery is how often directories that rest are forgotten.
const sweepEvery = time.Minute

// limiter holds each directory to a rate. A directory has a bucket of as many
// operations as it may make in a second, which fills up at that rate. What
// finds an operation in the bucket is let in, also if it takes more than is
// left: a Bulk is paid for with a pause behind it, never refused for being
// larger than the bucket.
type limiter struct {
	rate float64 // operations a second; 0 is no limit

	mu      sync.Mutex
	buckets map[string]*bucket
	swept   time.Time
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(rate int) *limiter {
	return &limiter{rate: float64(max(rate, 0)), buckets: map[string]*bucket{}}
}

// take counts n operations of a directory.
//
// Errors: TooManyRequests, with the time after which it may ask again, if
// nothing is left.
func (l *limiter) take(dir string, n int, now time.Time) error {
	if l.rate == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(dir, now)
	if b.left < 1 {
		after := time.Duration((1 - b.left) / l.rate * float64(time.Second))
		return &busy{fault.New(fault.TooManyRequests, "This directory sends more than %g operations a second. Try again in %d s.", l.rate, max(1, int(math.Ceil(after.Seconds())))), after}
	}
	b.left -= float64(n)
	return nil
}

// charge counts n further operations of a request that was let in.
func (l *limiter) charge(dir string, n int, now time.Time) {
	if l.rate == 0 || n <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(dir, now).left -= float64(n)
}

// bucket returns a directory's bucket as of now. The caller holds mu.
func (l *limiter) bucket(dir string, now time.Time) *bucket {
	if now.Sub(l.swept) >= sweepEvery {
		// A full bucket is as good as none: directories that were deleted go too.
		for d, b := range l.buckets {
			if l.refill(b, now); b.left >= l.rate {
				delete(l.buckets, d)
			}
		}
		l.swept = now
	}
	b, ok := l.buckets[dir]
	if !ok {
		b = &bucket{left: l.rate, at: now}
		l.buckets[dir] = b
	}
	l.refill(b, now)
	return b
}

func (l *limiter) refill(b *bucket, now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.left = min(l.rate, b.left+d.Seconds()*l.rate)
		b.at = now
	}
}
