package synclog

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of an entry's parts, in bytes. Longer text is cut at a character.
const (
	// MaxBody is how much of a redacted request body is kept.
	MaxBody = 16 << 10
	// MaxQuery is how much of a query string is kept.
	MaxQuery = 2 << 10
	// MaxDetail is how much of a sentence is kept.
	MaxDetail = 1 << 10
	// MaxName bounds user agents, attribute paths and causes.
	MaxName = 256
	// MaxID bounds ids.
	MaxID = 64
	// MaxDeviations is how many deviations of one request are kept.
	MaxDeviations = 50
	// MaxResources is how many resources a counted entry names.
	MaxResources = 200
)

// Deviation is one rule that a request broke and that was waived. It never
// holds a value: values are personal data.
type Deviation struct {
	Cause string `json:"cause"`
	Path  string `json:"path,omitempty"`
}

// Entry is a request that was refused or tolerated, or the rest of several that
// were alike.
type Entry struct {
	// ID names the entry within its directory. The reader gives it; it is not in
	// the wire form.
	ID string `json:"-"`
	// Organization and Directory are the batch's in the wire form.
	Organization string `json:"-"`
	Directory    string `json:"-"`

	At time.Time `json:"at"`
	// Secret is the id of the bearer secret, never the secret.
	Secret  string `json:"secret,omitempty"`
	Request string `json:"request,omitempty"` // the request's id
	Method  string `json:"method"`
	// Part says that it was an operation of a Bulk, whose id Request is.
	Part bool `json:"part,omitempty"`
	// Endpoint is the first part of the path behind the base: Users, Groups, Bulk.
	Endpoint string `json:"endpoint,omitempty"`
	// Resource is the id that the request named or was given, Kind its type: User
	// or Group.
	Resource string `json:"resource,omitempty"`
	Kind     string `json:"kind,omitempty"`
	// Query is the URL's query string as it was sent; empty if it speaks of a
	// password.
	Query string `json:"query,omitempty"`
	// Status is the HTTP status of the answer, ScimType RFC 7644's keyword in it.
	Status   int    `json:"status"`
	ScimType string `json:"scim_type,omitempty"`
	// Cause is why the request was refused: the fault's name, or else what CauseOf
	// says; empty if it was not.
	Cause string `json:"cause,omitempty"`
	// Subject is what the cause is about, where it has something: the domain of
	// domain_not_registered.
	Subject    string      `json:"subject,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Deviations []Deviation `json:"deviations,omitempty"`
	// Profile names the provider profile that the request was recognised as.
	Profile   string        `json:"profile,omitempty"`
	UserAgent string        `json:"user_agent,omitempty"`
	Took      time.Duration `json:"took,omitempty"` // nanoseconds

	// Body is the redacted body, as far as it is kept; BodySize the bytes that
	// were received, and BodyCut whether anything but passwords is missing.
	Body     string `json:"body,omitempty"`
	BodySize int    `json:"body_size,omitempty"`
	BodyCut  bool   `json:"body_cut,omitempty"`

	// Count is how many requests the entry stands for, 1 for a single one. Of
	// several, At and Last are the first and the last, and Resources names those
	// that they were about, as far as MaxResources goes. What can differ between
	// them (Request, Detail, Took) is the first one's.
	Count     int       `json:"count"`
	Last      time.Time `json:"last,omitzero"`
	Resources []string  `json:"resources,omitempty"`

	// raw is the body as received, until Take redacts it.
	raw []byte
}

// With returns the entry with the body that the request had. The bytes must not
// change any more; they are redacted before they are kept.
func (e Entry) With(body []byte) Entry {
	e.raw, e.BodySize = body, len(body)
	return e
}

// Refused reports whether the request was answered with an error.
func (e *Entry) Refused() bool { return e.Status >= 400 }

// Notable reports whether the entry is worth keeping: the request was refused
// or needed tolerance.
func (e *Entry) Notable() bool { return e.Refused() || len(e.Deviations) > 0 }

// bound cuts every part to its limit and takes out what no log may hold.
func (e *Entry) bound() {
	for _, s := range []*string{&e.Organization, &e.Directory, &e.Secret, &e.Request, &e.Method, &e.Endpoint, &e.Resource, &e.Kind, &e.ScimType, &e.Cause, &e.Profile} {
		*s = line(*s, MaxID)
	}
	e.UserAgent, e.Subject = line(e.UserAgent, MaxName), line(e.Subject, MaxName)
	e.Query, e.Detail = line(cleanQuery(e.Query), MaxQuery), line(e.Detail, MaxDetail)
	if len(e.Deviations) > MaxDeviations {
		e.Deviations = e.Deviations[:MaxDeviations]
	}
	e.Deviations = append([]Deviation(nil), e.Deviations...)
	for i := range e.Deviations {
		d := &e.Deviations[i]
		d.Cause, d.Path = line(d.Cause, MaxID), line(d.Path, MaxName)
	}
	e.Body = "" // only Redact makes it
	e.Count = max(e.Count, 1)
}

// line is cut for text that has no control characters.
func line(s string, n int) string {
	if len(s) > 2*n {
		s = s[:2*n] // what is longer is not looked at
	}
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, s)
	}
	return cut(s, n)
}

// cut shortens text to at most n bytes, at a character, and replaces what is no
// UTF-8, so that it survives JSON as it is.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// size is about what the entry takes in the wire form, in bytes, without a body
// that is yet to be redacted.
func (e *Entry) size() int {
	n := 200 + len(e.Query) + len(e.Detail) + len(e.UserAgent) + len(e.Resource) + len(e.Body)
	for _, d := range e.Deviations {
		n += 24 + len(d.Cause) + len(d.Path)
	}
	for _, r := range e.Resources {
		n += 3 + len(r)
	}
	return n
}
