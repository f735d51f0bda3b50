package operate

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-03-01T09:00:00Z":      time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		"2026-03-01T09:00:00+02:00": time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC),
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
	} {
		var m moment
		if err := m.UnmarshalText([]byte(text)); err != nil || !m.Equal(want) {
			t.Errorf("%s is %v (%v), want %v", text, m, err, want)
		}
	}
	for text, ago := range map[string]time.Duration{"90m": 90 * time.Minute, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "0d": 0, "0s": 0} {
		var m moment
		before := time.Now()
		err := m.UnmarshalText([]byte(text))
		if after := time.Now(); err != nil || m.Before(before.Add(-ago)) || m.After(after.Add(-ago)) {
			t.Errorf("%s is %v (%v)", text, m, err)
		}
	}
	for _, text := range []string{"", "yesterday", "-1h", "1", "d", "-1d", "65536d", "2026-13-01", "2026-03-01 09:00"} {
		var m moment
		if err := m.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v, want an error", text, m)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0s": 0, "0": 0, "90m": 90 * time.Minute, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err != nil || s.Duration != want {
			t.Errorf("%s is %v (%v), want %v", text, s, err, want)
		}
	}
	for _, text := range []string{"", "-1h", "-1d", "1", "d", "1.5d", "2026-03-01"} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v, want an error", text, s)
		}
	}
}
