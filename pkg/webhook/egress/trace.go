package egress

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"
)

// Timing is how long the parts of an attempt took. Parts that did not happen
// are 0: a connection that is used again has no DNS, Connect and TLS.
type Timing struct {
	DNS, Connect, TLS time.Duration
	// FirstByte is from the beginning of the attempt to the first byte of the
	// answer.
	FirstByte time.Duration
}

// stopwatch fills in a Timing. The transport may still dial when the attempt
// has ended, so it is locked, and read once.
type stopwatch struct {
	began time.Time

	mu                sync.Mutex
	dns, connect, tls time.Time
	timing            Timing
	reused            bool
}

func (s *stopwatch) within(ctx context.Context) context.Context {
	begin := func(at *time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		*at = time.Now()
	}
	end := func(d *time.Duration, since *time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		*d = time.Since(*since)
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { begin(&s.dns) },
		DNSDone:      func(httptrace.DNSDoneInfo) { end(&s.timing.DNS, &s.dns) },
		ConnectStart: func(string, string) { begin(&s.connect) },
		// Of several addresses the last that was tried counts.
		ConnectDone:          func(string, string, error) { end(&s.timing.Connect, &s.connect) },
		TLSHandshakeStart:    func() { begin(&s.tls) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { end(&s.timing.TLS, &s.tls) },
		GotConn:              s.got,
		GotFirstResponseByte: func() { end(&s.timing.FirstByte, &s.began) },
	})
}

func (s *stopwatch) read() Timing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timing
}

func (s *stopwatch) got(c httptrace.GotConnInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reused = c.Reused
}

// stale reports whether the connection was one that had been kept, and nothing of
// an answer came over it.
func (s *stopwatch) stale() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reused && s.timing.FirstByte == 0
}
