package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

const (
	// maxWebhook bounds a webhook's body, in bytes.
	maxWebhook = 8 << 20
	// maxSeen bounds how many ids are remembered to tell repeats.
	maxSeen = 10_000
)

// webhookReceiver verifies and prints what is posted to it.
type webhookReceiver struct {
	json   bool
	out    *Output
	keys   []webhook.Verifier
	status int
	// endpoint is the temporary one, if there is.
	endpoint string
	enough   func()

	mu   sync.Mutex
	left int            // verified ones until enough; 0: no end
	seen map[string]int // webhook-id -> times
	ids  []string       // in the order of their first time
}

// hold lets requests wait until release.
func (r *webhookReceiver) hold()    { r.mu.Lock() }
func (r *webhookReceiver) release() { r.mu.Unlock() }

// received is one webhook as --json prints it.
type received struct {
	At       time.Time       `json:"received_at"`
	ID       string          `json:"webhook_id"`
	Type     string          `json:"event_type"`
	Verified bool            `json:"verified"`
	Error    string          `json:"error,omitempty"`
	Times    int             `json:"times"`
	Replay   string          `json:"replay_id,omitempty"`
	Version  json.Number     `json:"version,omitempty"`
	Status   int             `json:"status"`
	Event    json.RawMessage `json:"event,omitempty"`
}

// ServeHTTP implements http.Handler.
func (r *webhookReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Webhooks are posted.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxWebhook))
	if err != nil {
		http.Error(w, "The body could not be read, or is too large.", http.StatusRequestEntityTooLarge)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h, now := req.Header, time.Now()
	got := received{At: now.UTC(), ID: h.Get(webhook.HeaderID), Replay: h.Get("webhook-replay"), Status: r.status}
	if err := webhook.Verify(got.ID, h.Get(webhook.HeaderTimestamp), h.Get(webhook.HeaderSignature), body, now, r.keys...); err != nil {
		got.Error, got.Status = err.Error(), http.StatusUnauthorized
	} else {
		got.Verified, got.Times = true, r.count(got.ID)
		got.read(body)
	}
	w.WriteHeader(got.Status)
	r.print(&got)
	if got.Verified && r.left > 0 {
		if r.left--; r.left == 0 {
			r.enough()
		}
	}
}

// read takes out of the event what people look for.
func (g *received) read(body []byte) {
	var event struct {
		Type string `json:"type"`
		Data struct {
			Version json.Number `json:"version"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &event) == nil {
		g.Type, g.Version = event.Type, event.Data.Version
	}
	if json.Valid(body) {
		g.Event = body
	}
}

// count says how often an id came, of the last that are remembered.
func (r *webhookReceiver) count(id string) int {
	if r.seen[id] == 0 {
		if r.ids = append(r.ids, id); len(r.ids) > maxSeen {
			delete(r.seen, r.ids[0])
			r.ids = r.ids[1:]
		}
	}
	r.seen[id]++
	return r.seen[id]
}

// print writes one webhook. An output that is closed ends listening.
func (r *webhookReceiver) print(g *received) {
	var err error
	if r.json {
		var line []byte
		if line, err = json.Marshal(g); err == nil {
			_, err = fmt.Fprintf(r.out.Stdout, "%s\n", line)
		}
	} else {
		_, err = io.WriteString(r.out.Stdout, g.text())
	}
	if err != nil {
		r.enough()
	}
}

func (g *received) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  ", g.At.Format(time.TimeOnly))
	if !g.Verified {
		fmt.Fprintf(&b, "REFUSED  %s  %s\n", printable(g.ID), g.Error)
		return b.String()
	}
	fmt.Fprintf(&b, "%s  %s  answered %d", printable(g.Type), printable(g.ID), g.Status)
	if g.Version != "" {
		fmt.Fprintf(&b, ", version %s", printable(g.Version.String()))
	}
	if g.Replay != "" {
		fmt.Fprintf(&b, ", replay %s", printable(g.Replay))
	}
	if g.Times > 1 {
		fmt.Fprintf(&b, ", came %d times", g.Times)
	}
	b.WriteByte('\n')
	var pretty bytes.Buffer
	if json.Indent(&pretty, g.Event, "  ", "  ") == nil {
		for line := range strings.Lines("  " + pretty.String()) {
			b.WriteString(printable(strings.TrimSuffix(line, "\n")) + "\n")
		}
	}
	return b.String()
}
