package bench_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/test/harness"
)

// loader writes users and groups as commands through the log of a server that is
// stopped: without HTTP, and so some ten times as fast.
type loader struct {
	b    *testing.B
	shut func()
	in   *ingress.Ingress
	n    atomic.Int64
}

func newLoader(b *testing.B, data string) *loader {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	l := &loader{b: b}
	js, shut := openStreams(b, data)
	l.shut = shut
	log, err := natslog.Open(b.Context(), js, 0, natslog.Options{Sole: true})
	check(b, err)
	l.in, err = ingress.Open(b.Context(), ingress.Config{Path: filepath.Join(data, "ingress.db"), Log: log, Logger: quiet})
	check(b, err)
	check(b, l.in.Start(b.Context()))
	return l
}

// close leaves the folder to the server.
func (l *loader) close() {
	check(l.b, l.in.Stop())
	l.shut()
}

// openStreams opens the streams in the folder of a server that is stopped, until
// they are shut.
func openStreams(b *testing.B, data string) (js jetstream.JetStream, shut func()) {
	b.Helper()
	server, err := embedded.Start(b.Context(), embedded.Options{Dir: data, StoreLimit: scaleLimit, Logger: slog.New(slog.DiscardHandler)})
	check(b, err)
	nc, err := server.Connect(natslog.ConnectOptions()...)
	check(b, err)
	js, err = jetstream.New(nc)
	check(b, err)
	return js, func() {
		nc.Close()
		check(b, server.Close())
	}
}

func (l *loader) submit(c directory.Command) directory.Row {
	res, err := l.in.Submit(l.b.Context(), directory.Request{ID: fmt.Sprintf("load-%d", l.n.Add(1)), Actor: "system", Command: c})
	if err != nil {
		l.b.Error(err)
		return nil
	}
	return res.Row
}

// users creates some in a tenant's directory and returns their ids.
func (l *loader) users(t *harness.Tenant, users int) []string {
	l.b.Helper()
	scope := l.scope(t.Directory)
	ids := make([]string, users)
	var next atomic.Int64
	clientsUntilDone(512, func() bool {
		n := next.Add(1)
		if n > int64(users) || l.b.Failed() {
			return false
		}
		state, err := directory.UserStateOf(person(n, t.Domain))
		if err != nil {
			l.b.Error(err)
			return false
		}
		u, ok := l.submit(directory.CreateUser{Scope: scope, State: state}).(*directory.User)
		if ok {
			ids[n-1] = u.ID
		}
		return ok
	})
	if l.b.Failed() {
		l.b.FailNow()
	}
	return ids
}

// group creates one with members and returns its id.
func (l *loader) group(t *harness.Tenant, name string, members []string) string {
	l.b.Helper()
	scope := l.scope(t.Directory)
	state, err := directory.GroupStateOf(scim.Resource{"displayName": name})
	check(l.b, err)
	g, ok := l.submit(directory.CreateGroup{Scope: scope, State: state}).(*directory.Group)
	if !ok {
		l.b.FailNow()
	}
	for part := range slices.Chunk(members, 5000) { // a provider adds no more at a time
		var values []any
		for _, id := range part {
			values = append(values, map[string]any{"value": id})
		}
		body, err := json.Marshal(harness.Patch(harness.Op("add", "members", values)))
		check(l.b, err)
		p, err := patch.Parse(nil, schema.Group, body)
		check(l.b, err)
		l.submit(directory.PatchGroup{Scope: scope, ID: g.ID, Patch: p})
	}
	return g.ID
}

// scope finds what opens a directory.
func (l *loader) scope(dir string) (s directory.Scope) {
	l.b.Helper()
	check(l.b, l.in.Read(l.b.Context(), func(v directory.View) error {
		return v.Scan(directory.Make(directory.TableSecret), "", func(_ directory.Key, r directory.Row) bool {
			if x := r.(*directory.Secret); x.Directory == dir {
				s = directory.Scope{Organization: x.Organization, Directory: x.Directory, Secret: x.ID, SecretHash: x.Hash}
			}
			return true
		})
	}))
	return s
}

// person is a usual user.
func person(n int64, domain string) scim.Resource {
	address := fmt.Sprintf("user%d@%s", n, domain)
	return scim.Resource{
		"externalId": fmt.Sprintf("00u%010d", n), "userName": address, "displayName": fmt.Sprintf("Given%d Family", n), "title": "Engineer",
		"locale": "en-US", "timezone": "Europe/Berlin", "active": true,
		"name":         map[string]any{"givenName": fmt.Sprintf("Given%d", n), "familyName": "Family", "formatted": fmt.Sprintf("Given%d Family", n)},
		"emails":       []any{map[string]any{"value": address, "type": "work", "primary": true}, map[string]any{"value": fmt.Sprintf("user%d@home.example", n), "type": "home"}},
		"phoneNumbers": []any{map[string]any{"value": "+1-202-555-0100", "type": "work"}},
		"addresses":    []any{map[string]any{"type": "work", "streetAddress": "1 Main Street", "locality": "Springfield", "region": "IL", "postalCode": "62701", "country": "US"}},
		schema.EnterpriseURN: map[string]any{
			"employeeNumber": strconv.FormatInt(n, 10), "department": []string{"Engineering", "Sales"}[min(n%1000, 1)], "division": "R&D", "costCenter": "4711",
		},
	}
}
