package schema

import (
	"strconv"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// loose are the forms of dates that directories send although they are no
// xsd:dateTime: without a time, with a space, without seconds, as LDAP has them.
var loose = []string{"2006-01-02", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "20060102150405Z0700", "20060102"}

// dateTime coerces a date and time. What is an xsd:dateTime stays as it is;
// other forms are tolerated and put right.
func (a *Attribute) dateTime(rd *lenience.Reading, s string) (any, error) {
	if _, ok := Instant(s); ok {
		return s, nil
	}
	upper := strings.ToUpper(strings.TrimSpace(s))
	at, ok := Instant(upper)
	for i := 0; !ok && i < len(loose); i++ {
		t, err := time.Parse(loose[i], upper)
		at, ok = t, err == nil
	}
	if !ok || at.Year() < 1 || at.Year() > 9999 {
		return nil, a.wrong("a date and time such as 2026-01-31T10:00:00Z")
	}
	return at.UTC().Format(time.RFC3339Nano), rd.Tolerate(lenience.DateForm, a.path)
}

// Instant returns the instant of an xsd:dateTime (RFC 7643 section 2.3.5, XML
// Schema part 2 section 3.2.7). Without a time zone it is taken as UTC, so that
// any two can be compared. ok is false for any other text, and for years before
// 1 and beyond 999999.
func Instant(s string) (at time.Time, ok bool) {
	date, clock, ok := strings.Cut(s, "T")
	if !ok {
		return at, false
	}
	y := strings.IndexByte(date, '-')
	if y < 4 || y > 6 || y > 4 && date[0] == '0' || len(date) != y+6 || date[y+3] != '-' || len(clock) < 8 || clock[2] != ':' || clock[5] != ':' {
		return at, false
	}
	year, ok1 := number(date[:y])
	month, ok2 := number(date[y+1 : y+3])
	day, ok3 := number(date[y+4:])
	hour, ok4 := number(clock[:2])
	minute, ok5 := number(clock[3:5])
	second, ok6 := number(clock[6:8])
	nano, rest, ok7 := fraction(clock[8:])
	shift, ok8 := zone(rest)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || !ok8 || year == 0 || month > 12 || minute > 59 || second > 59 {
		return at, false
	}
	if hour > 24 || hour == 24 && (minute > 0 || second > 0 || nano > 0) {
		return at, false
	}
	if d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); d.Day() != day || int(d.Month()) != month {
		return at, false // no such day
	}
	return time.Date(year, time.Month(month), day, hour, minute-shift, second, nano, time.UTC), true
}

// number reads digits only.
func number(s string) (int, bool) {
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// fraction reads the fraction of a second, to nanoseconds.
func fraction(s string) (nano int, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	end := 1
	for end < len(s) && digit(s[end]) {
		if end <= 9 {
			nano = nano*10 + int(s[end]-'0')
		}
		end++
	}
	for i := end; i <= 9; i++ {
		nano *= 10
	}
	return nano, s[end:], end > 1
}

// zone reads a time zone, in minutes east of Greenwich.
func zone(s string) (minutes int, ok bool) {
	switch {
	case s == "" || s == "Z":
		return 0, true
	case len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':':
		return 0, false
	}
	h, ok1 := number(s[1:3])
	m, ok2 := number(s[4:])
	minutes = h*60 + m
	if s[0] == '-' {
		minutes = -minutes
	}
	return minutes, ok1 && ok2 && m < 60 && h*60+m <= 14*60
}
