package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	tailPath = "/api/v1/webhook_attempts:tail"
	// mostTails bounds the readers of the live tail at a time in this process, and
	// mostClientTails those of one API client.
	mostTails       = 32
	mostClientTails = 8
	// tailBeat is how often a reader hears something although nothing happens, and
	// its token is checked again.
	tailBeat = 15 * time.Second
	// tailBehind is how many frames a reader may lag behind. What is older is left
	// out, which it is told, until it lags behind by half of that.
	tailBehind = 1000
)

// Attempts is the record of attempts, as it is written.
type Attempts interface {
	// Tail is attemptlog.Log's.
	Tail(ctx context.Context, endpoint string, from uint64, each func(attemptlog.Tailed) error) error
}

// tailRule lets a client of one organization see attempts of its endpoints.
var tailRule = reads.in("organization_id")

// tail answers GET /api/v1/webhook_attempts:tail with server-sent events (HTML
// Living Standard, section 9.2): every attempt that fits the query, as it is
// recorded, until the caller leaves, its token ends or the server stops.
func (c *core) tail(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		c.writeFailure(w, noRoute(http.StatusMethodNotAllowed))
		return
	}
	t, leave, err := c.beginTail(r)
	if err != nil {
		c.refuseREST(w, r, err)
		return
	}
	defer leave()
	t.out = openStream(w)
	defer t.out.close()
	t.run(r.Context())
}

// beginTail checks everything that can refuse a tail, and takes a place for it.
func (c *core) beginTail(r *http.Request) (t *tail, leave func(), err error) {
	q, err := parseTailQuery(r.URL.Query())
	if err != nil {
		return nil, nil, err
	}
	from, err := parseTailPlace(r.Header.Get("Last-Event-ID"))
	if err != nil {
		return nil, nil, err
	}
	ctx, err := c.admit(r.Context(), tailRule, tailPath, q.message())
	if err != nil {
		return nil, nil, err
	}
	p, err := principalOf(ctx)
	if err != nil {
		return nil, nil, err
	}
	t = &tail{core: c, ctx: ctx, query: q, from: from, request: r, expires: p.expires, organizations: map[string]string{}}
	if err := t.endpointFits(); err != nil {
		return nil, nil, err
	}
	if c.cfg.Attempts == nil {
		return nil, nil, fault.New(fault.Unimplemented, "This server keeps no record of deliveries; ask one that sends webhooks.")
	}
	leave, err = c.tails.enter(p.client)
	return t, leave, err
}

// tail is one reader.
type tail struct {
	core    *core
	ctx     context.Context // of the principal, for look-ups
	request *http.Request
	query   tailQuery
	from    tailPlace
	expires time.Time
	out     *stream
	// organizations are those of endpoints that were looked up, empty for none.
	// They never change.
	organizations map[string]string
	// leftOut counts what the reader was too slow for, since it was told; passing
	// says that it still is.
	leftOut int
	passing bool
}

// run reads the record in one goroutine and writes in this one, so that a reader
// that is slow or idle hears of its end in time.
func (t *tail) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	frames, ended := make(chan attemptlog.Tailed), make(chan error, 1)
	go func() {
		ended <- t.core.cfg.Attempts.Tail(ctx, t.query.endpoint, t.from.frame, func(f attemptlog.Tailed) error {
			select {
			case frames <- f:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		close(ended)
	}()
	defer func() {
		cancel()
		for range ended { // it must not outlive the answer
		}
	}()
	beat := time.NewTicker(t.core.tails.beat)
	defer beat.Stop()
	expiry := time.NewTimer(t.expires.Sub(t.core.cfg.Now()))
	defer expiry.Stop()
	for {
		var err error
		select {
		case f := <-frames:
			err = t.frame(f)
		case <-beat.C:
			if err = t.stillAllowed(); err == nil {
				err = t.out.beat(t.from)
			}
		case <-expiry.C:
			err = errStale
		case <-t.core.cfg.Stopping:
			err = fault.New(fault.Unavailable, "The server is stopping. Connect again, with the last event's id.")
		case err = <-ended:
			err = fault.Wrap(fault.Unavailable, err, "The record of attempts cannot be read. Connect again, with the last event's id.")
		case <-ctx.Done():
			return
		}
		if err != nil {
			t.out.end(t.core.failure(ctx, tailPath, err))
			return
		}
	}
}

// stillAllowed checks the token once more: its client may have been deleted, or
// may do less, since.
func (t *tail) stillAllowed() error {
	token, _ := bearer(t.request.Header)
	p, err := t.core.verify(t.ctx, token)
	if err != nil {
		return err
	}
	return p.allowed(tailRule, t.query.message())
}

// frame tells of the attempts of one frame that are wanted.
func (t *tail) frame(f attemptlog.Tailed) error {
	if f.Frame.Index == 0 { // where reading begins
		if f.Seq != t.from.frame {
			t.from = tailPlace{frame: f.Seq}
		}
		if err := t.out.begin(t.from); err != nil {
			return err
		}
	}
	if f.Gap {
		if err := t.out.skipped(0); err != nil {
			return err
		}
	}
	if f.Frame.Index == 0 {
		return nil
	}
	t.passing = f.Behind > t.core.tails.behind || t.passing && f.Behind > t.core.tails.behind/2
	done := 0
	if f.Seq == t.from.frame {
		done = t.from.records
	}
	wanted, err := t.wanted(f.Frame.Records, done)
	if err != nil {
		return err
	}
	if t.passing {
		t.leftOut += len(wanted)
	} else if t.leftOut > 0 {
		if err := t.out.skipped(t.leftOut); err != nil {
			return err
		}
		t.leftOut = 0
	}
	if !t.passing {
		for _, i := range wanted {
			if err := t.out.attempt(tailPlace{f.Seq, i + 1}, tailedMessage(&f.Frame.Records[i])); err != nil {
				return err
			}
		}
		if err := t.out.flush(); err != nil {
			return err
		}
	}
	t.from = tailPlace{frame: f.Seq + 1}
	return nil
}

// endpointFits refuses an endpoint that is not there, or not of the organization
// that the query names.
func (t *tail) endpointFits() error {
	if t.query.endpoint == "" {
		return nil
	}
	return t.core.read(t.ctx, func(v directory.View) error {
		ep, err := endpointOf(v, t.query.endpoint)
		if err == nil && t.query.organization != "" && ep.Organization != t.query.organization {
			err = fault.New(fault.NotFound, "There is no webhook endpoint %q.", t.query.endpoint)
		}
		return err
	})
}

// learn looks up the organizations of endpoints that are not known yet. One that
// was deleted belongs to none.
func (t *tail) learn(endpoints []string) error {
	unknown := slices.DeleteFunc(endpoints, func(id string) bool { _, known := t.organizations[id]; return known })
	if len(unknown) == 0 {
		return nil
	}
	return t.core.read(t.ctx, func(v directory.View) error {
		for _, id := range unknown {
			ep, ok, err := directory.Get[*directory.Endpoint](v, directory.Make(directory.TableEndpoint, id))
			if err != nil {
				return err
			}
			t.organizations[id] = ""
			if ok {
				t.organizations[id] = ep.Organization
			}
		}
		return nil
	})
}

// message is what the rule of a tail looks at: any request with its field.
func (q *tailQuery) message() *rollcallv1.ListWebhookEndpointsRequest {
	return &rollcallv1.ListWebhookEndpointsRequest{OrganizationId: q.organization}
}
