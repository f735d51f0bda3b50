package operate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Moments is what the helps of flags that take a time say.
const Moments = "2026-03-01T09:00:00Z, 2026-03-01 (UTC), or 90m, 24h or 7d, which is so long ago"

// moment is a time as people give it: a time, a day, or how long ago.
type moment struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *moment) UnmarshalText(b []byte) error {
	text := string(b)
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			m.Time = t
			return nil
		}
	}
	ago, ok := duration(text)
	if !ok {
		return fmt.Errorf("%.60q is no time; write %s", text, Moments)
	}
	m.Time = time.Now().Add(-ago)
	return nil
}

// given is a time that may be left out.
func given(m moment) *timestamppb.Timestamp {
	if m.IsZero() {
		return nil
	}
	return timestamppb.New(m.Time)
}

// span is a time that something lasts.
type span struct{ time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(b []byte) error {
	d, ok := duration(string(b))
	if !ok {
		return fmt.Errorf("%.60q is no time that something lasts; write 90m, 24h or 7d", b)
	}
	s.Duration = d
	return nil
}

// duration reads Go's notation, or days; nothing below 0.
func duration(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if days, is := strings.CutSuffix(text, "d"); is {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour //nolint:gosec // 16 bits
	}
	return d, err == nil && d >= 0
}
