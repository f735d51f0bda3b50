package operate

import (
	"fmt"
	"strings"
	"time"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

// sending is how an endpoint is sent to. What is not given stays as it is, or is
// the server's default.
type sending struct {
	Header      []string       `help:"Header that is sent with every attempt, as NAME: VALUE; may be repeated. Its value is never shown again." sep:"none" env:"-"`
	RateLimit   *uint32        `help:"Attempts a second at most, 1 to 10000; 0: no limit." env:"-"`
	Concurrency *uint32        `help:"Attempts in flight at most, 1 to 256; 0: the server's default." env:"-"`
	TimeLimit   *time.Duration `help:"How long one attempt may take, 1s to 1m; 0s: the server's default." env:"-"`
	Ordering    string         `help:"resource: the events of one user, group, directory or organization come one after the other, retries included. none: as they come." env:"-"`
	Ladder      *string        `help:"Times between attempts, such as 0s,5s,5m; empty: the server's." env:"-"`
	Signature   []string       `help:"Scheme to sign with: v1, v1a or both; may be repeated." env:"-"`
}

// headers reads --header. What was given is not repeated by an error: it may be
// a secret.
func (s *sending) headers() ([]*rollcallv1.WebhookHeader, error) {
	var list []*rollcallv1.WebhookHeader
	for i, text := range s.Header {
		name, value, ok := strings.Cut(text, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("--header %d is not like 'NAME: VALUE'", i+1)
		}
		list = append(list, &rollcallv1.WebhookHeader{Name: name, Value: value})
	}
	return list, nil
}

// maxTimeLimit is what the API takes, and fits its field.
const maxTimeLimit = time.Minute

// milliseconds reads --time-limit, nil if it is not given.
func (s *sending) milliseconds() (*uint32, error) {
	if s.TimeLimit == nil {
		return nil, nil //nolint:nilnil // it is not given
	}
	d := *s.TimeLimit
	if d != 0 && (d < time.Second || d > maxTimeLimit) || d%time.Millisecond != 0 {
		return nil, fmt.Errorf("--time-limit must be whole milliseconds from 1s to %v, or 0s for the server's default", maxTimeLimit)
	}
	return new(uint32(d.Milliseconds())), nil //nolint:gosec // bounded above
}
