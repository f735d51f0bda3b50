package operate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

const (
	// tailPause is how long the tail waits before it connects again.
	tailPause = 2 * time.Second
	// maxTailLine bounds one line of the stream, in bytes.
	maxTailLine = 1 << 20
)

type webhookTailCmd struct {
	Endpoint string   `help:"Only to this endpoint (whe_…)." env:"-" of:"endpoint"`
	Org      string   `help:"Only to endpoints of this organization (org_… or external id)." env:"-" of:"org"`
	Type     []string `help:"Only this event type, or beginning such as organization.directory.*; may be repeated." env:"-"`
	Status   string   `help:"Only attempts after which the delivery is ${enum}." enum:"delivered,retrying,dead,any" default:"any" env:"-"`
	After    string   `help:"Go on behind this place, which --json shows; 1.0 is the beginning." env:"-"`
	Count    int      `help:"End after so many; 0 goes on until ctrl-C." env:"-"`
}

// Help is shown by kong.
func (webhookTailCmd) Help() string {
	return `Reads until ctrl-C, which ends it with exit status 0. When the connection breaks, it connects again and goes on where it
was. With --json every line is an object with "place" and "delivery".`
}

// errTailed ends a tail that has shown what was asked for.
var errTailed = errors.New("all are shown")

// Run shows attempts as they are made.
func (c *webhookTailCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if c.Org != "" && !isID(c.Org, "org_") {
		if err := s.askIn(ctx, &c.Org, func() error { return nil }); err != nil {
			return err
		}
	}
	query := url.Values{"event_types": c.Type}
	for name, value := range map[string]string{"endpoint_id": c.Endpoint, "organization_id": c.Org, "status": strings.ToUpper(strings.TrimPrefix(c.Status, "any"))} {
		if value != "" {
			query.Set(name, value)
		}
	}
	t := &tailer{s: s, out: out, place: c.After, left: c.Count, colour: isTerminal(out.Stdout) && os.Getenv("NO_COLOR") == ""}
	for {
		final, err := t.read(ctx, query)
		switch {
		case ctx.Err() != nil || errors.Is(err, errTailed):
			return nil
		case final || !t.connected:
			return err
		}
		fmt.Fprintf(out.Stderr, "%v; connecting again\n", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tailPause):
		}
	}
}

// tailer is what one tail remembers between connections.
type tailer struct {
	s         *Server
	out       *Output
	place     string
	left      int // 0: no end
	colour    bool
	connected bool // once
}

// read connects and shows attempts until the connection ends. final says that
// connecting again would not help.
func (t *tailer) read(ctx context.Context, query url.Values) (final bool, err error) {
	if _, err := t.s.connect(ctx); err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.s.URL+"/api/v1/webhook_attempts:tail?"+query.Encode(), http.NoBody)
	if err != nil {
		return true, err
	}
	if t.place != "" {
		req.Header.Set("Last-Event-ID", t.place)
	}
	endless := &http.Client{Transport: t.s.http.Transport}
	res, err := endless.Do(req)
	if err != nil {
		return false, unreachable(t.s.URL, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		var problem struct {
			Message string `json:"message"`
		}
		b, _ := io.ReadAll(io.LimitReader(res.Body, maxTailLine))
		if json.Unmarshal(b, &problem) != nil || problem.Message == "" {
			problem.Message = fmt.Sprintf("%s answers with status %d: does it show attempts live?", t.s.URL, res.StatusCode)
		}
		busy := res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= http.StatusInternalServerError
		return !busy, errors.New(problem.Message)
	}
	t.connected = true
	return t.events(res.Body)
}

// events reads server-sent events.
func (t *tailer) events(body io.Reader) (final bool, err error) {
	in := bufio.NewScanner(body)
	in.Buffer(nil, maxTailLine)
	var name, data, place string
	for in.Scan() {
		field, value, _ := strings.Cut(in.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = value
		case "id":
			place = value
		}
		if in.Text() != "" {
			continue
		}
		if place != "" {
			t.place = place
		}
		if err := t.event(name, data); err != nil {
			return errors.Is(err, errOutput), err
		}
		name, data, place = "", "", ""
	}
	if err := in.Err(); err != nil {
		return false, unreachable(t.s.URL, err)
	}
	return false, errors.New("the server ended the connection")
}

// errOutput marks what cannot be written.
var errOutput = errors.New("the output cannot be written")

func (t *tailer) event(name, data string) error {
	switch name {
	case "attempt":
		if err := t.attempt(data); err != nil {
			return errors.Join(errOutput, err)
		}
		if t.left == 1 {
			return errTailed
		}
		t.left = max(0, t.left-1)
	case "skipped":
		var told struct{ Attempts int }
		_ = json.Unmarshal([]byte(data), &told) // zero says that nobody knows
		if told.Attempts == 0 {
			fmt.Fprintln(t.out.Stderr, "some attempts are left out: they are no longer kept")
			return nil
		}
		fmt.Fprintf(t.out.Stderr, "%d attempts are left out: they come faster than they are read\n", told.Attempts)
	case "end":
		var why struct{ Message string }
		_ = json.Unmarshal([]byte(data), &why)
		return errors.New(printable(why.Message))
	}
	return nil
}

func (t *tailer) attempt(data string) error {
	if t.s.JSON {
		line, err := json.Marshal(map[string]any{"place": t.place, "delivery": json.RawMessage(data)})
		if err == nil {
			_, err = fmt.Fprintf(t.out.Stdout, "%s\n", line)
		}
		return err
	}
	var d rollcallv1.Delivery
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(data), &d); err != nil {
		return err
	}
	took := ""
	if log := d.GetAttemptLog(); len(log) > 0 {
		took = fmt.Sprintf("%d ms", log[0].GetDurationMs())
	}
	next := ""
	if n := d.GetNextAttemptTime(); n != nil {
		next = "  next " + when(n)
	}
	_, err := fmt.Fprintf(t.out.Stdout, "%s  %s  %-4s %8s  #%-2d %s  %s  %s%s\n", when(d.GetLastAttemptTime()), t.painted(d.GetStatus()),
		printable(answer(d.GetLastStatusCode(), "-")), took, d.GetAttempts(), printable(d.GetEventType()), printable(d.GetEndpointId()), printable(d.GetId()),
		printable(strings.TrimRight("  "+d.GetLastError(), " ")+next))
	return err
}

// painted is a status as wide as the widest, coloured on a terminal.
func (t *tailer) painted(status string) string {
	text := fmt.Sprintf("%-9s", printable(status))
	colour, ok := map[string]string{"DELIVERED": "32", "RETRYING": "33", "DEAD": "31"}[status]
	if !t.colour || !ok {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
