package egress

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of what is kept of an answer, in bytes.
const (
	MaxHead    = 2 << 10
	MaxExcerpt = 1 << 10
)

// shownHeaders are the headers of an answer that are kept, in this order: what
// helps to find out what happened, and nothing that lets anybody in. Date is
// left out, since it says nothing that the attempt does not.
var shownHeaders = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Server", "Via", "Location", "Retry-After", "Allow", "X-Request-Id", "Request-Id",
	"X-Correlation-Id", "X-Amzn-Requestid", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "Cf-Ray", "X-Vercel-Id", "Fly-Request-Id", "X-Cache",
}

// maxRetryAfter bounds what a receiver can ask for. Whoever heeds it has bounds
// of its own.
const maxRetryAfter = 30 * 24 * time.Hour

// retryAfter reads a Retry-After, seconds or a time (RFC 9110 section 10.2.3), 0
// if there is none that can be read. A time is held against the receiver's own
// clock, if it tells: the two clocks need not agree.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	sec, err := strconv.ParseUint(text, 10, 32)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return min(time.Duration(sec)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}

// head returns the headers that are kept, one a line.
func head(h http.Header) string {
	var b strings.Builder
	for _, name := range shownHeaders {
		for _, v := range h[name] {
			if name == "Location" {
				v = place(v)
			}
			v = strings.ToValidUTF8(v, "\uFFFD")
			if b.Len()+len(name)+len(v)+3 > MaxHead {
				continue
			}
			b.WriteString(name + ": " + v + "\n")
		}
	}
	return b.String()
}

// place returns where a redirect leads, without its query, user and fragment,
// which may hold secrets.
func place(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "(unreadable)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// excerpt reads the beginning of a body, as text. What does not read as text is
// replaced.
func excerpt(body io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(body, MaxExcerpt+utf8.UTFMax)) // the status decides, whatever becomes of the body
	if len(b) > MaxExcerpt {
		b = b[:MaxExcerpt]
		for n := 1; n < utf8.UTFMax && n <= len(b); n++ { // no half character at the cut
			if utf8.RuneStart(b[len(b)-n]) {
				if !utf8.FullRune(b[len(b)-n:]) {
					b = b[:len(b)-n]
				}
				break
			}
		}
	}
	text := strings.ToValidUTF8(strings.ReplaceAll(string(b), "\x00", "\uFFFD"), "\uFFFD")
	for len(text) > MaxExcerpt {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return text
}
