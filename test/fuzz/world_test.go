// Package fuzz sends requests that nobody would write to a real ingress, SCIM
// edge and router in one process, and holds that every one of them is answered
// as SCIM, never with a 500, that no password comes out again anywhere, and that
// nothing of another directory is seen or changed.
//
// The engines have fuzz targets of their own next to them. What must not live
// here: what a request that makes sense has to be answered (test/conformance).
package fuzz_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/synclog"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
	"github.com/rollcallhq/rollcall/services/web"
)

// world is an ingress with its edge, on a log in memory.
type world struct {
	log     *memlog.Log
	ingress *ingress.Ingress
	handler http.Handler
	org     string
	canary  *dir // nobody writes to it
	told    string

	mu      sync.Mutex
	said    bytes.Buffer // what was logged
	entries []synclog.Entry
	n       int
}

// Write takes a line of the process's log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(b)
}

// Record takes what the sync log is told.
func (w *world) Record(e synclog.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{log: memlog.New()}
	logger := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	folder, err := os.MkdirTemp("", "rollcall-fuzz-*") //nolint:usetesting // a fuzzing process ends without cleaning up, so the name goes at once
	must(t, err)
	w.ingress, err = ingress.Open(context.WithoutCancel(t.Context()), ingress.Config{Path: filepath.Join(folder, "ingress.db"), Log: w.log, Logger: logger})
	must(t, err)
	must(t, os.RemoveAll(folder))
	must(t, w.ingress.Start(t.Context()))
	srv, err := web.New(web.Config{Registry: prometheus.NewRegistry(), Logger: logger, Ready: func(context.Context) error { return nil }})
	must(t, err)
	scimhttp.New(w.ingress, scimhttp.Config{Base: func() string { return "https://rollcall.example" }, Logger: logger, Recorder: w}).Register(srv.Echo)
	w.handler = srv.Echo
	w.org = w.must(t, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "Acme"}}).(*directory.Organization).ID
	w.canary = w.dir(t)
	w.told = w.canary.everything(t)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) must(t testing.TB, c directory.Command) directory.Row {
	t.Helper()
	w.n++
	res, err := w.ingress.Submit(t.Context(), directory.Request{ID: fmt.Sprint("fuzz-", w.n), Actor: "system", Command: c})
	must(t, err)
	return res.Row
}

// dir is a directory with two users, of whom one is in its only group.
type dir struct {
	*world
	path, token string
	ids         *strings.Replacer
}

func (w *world) dir(t testing.TB) *dir {
	t.Helper()
	id := w.must(t, directory.CreateDirectory{Organization: w.org, Kind: "SCIM"}).(*directory.Directory).ID
	c := credential.New(credential.PrefixSCIM)
	w.must(t, directory.CreateDirectorySecret{Organization: w.org, Directory: id, Hash: c.Hash, Suffix: c.Suffix})
	off, follow := directory.DomainPolicyOff, directory.EmailPolicyFollow
	w.must(t, directory.ChangeDirectoryPolicy{Organization: w.org, Directory: id, DomainPolicy: &off, EmailPolicy: &follow})
	w.must(t, directory.EnableDirectory{Organization: w.org, Directory: id})
	d := &dir{world: w, path: "/directories/" + id + "/scim/v2", token: c.Plain}
	ada := d.create(t, "/Users", `{"userName":"ada@acme.example","externalId":"x1","title":"Dr","emails":[{"value":"ada@acme.example","type":"work","primary":true}],`+
		`"name":{"givenName":"Ada","familyName":"Lovelace"},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","manager":{"value":"m"}}}`)
	bob := d.create(t, "/Users", `{"userName":"bob@acme.example","active":false}`)
	staff := d.create(t, "/Groups", `{"displayName":"Staff","externalId":"g1","members":[{"value":"`+ada+`"}]}`)
	d.ids = strings.NewReplacer("{ada}", ada, "{bob}", bob, "{staff}", staff, "{dir}", id)
	return d
}

func (d *dir) create(t testing.TB, path, body string) string {
	t.Helper()
	a := d.send(t, http.MethodPost, path, "Content-Type: application/scim+json", body)
	location := a.Header().Get("Location")
	if a.Code != http.StatusCreated || location == "" {
		t.Fatalf("create: status %d: %s", a.Code, a.Body)
	}
	return location[strings.LastIndexByte(location, '/')+1:]
}

// send sends a request below the directory's base. It returns nil if it is none
// that a client could send.
func (d *dir) send(t testing.TB, method, target, header, body string) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "https://rollcall.example"+d.path+target, strings.NewReader(body))
	if err != nil || r.URL.Host != "rollcall.example" || strings.ContainsAny(target, "# \t\r\n") {
		return nil
	}
	r.RequestURI = r.URL.RequestURI()
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("Authorization", "Bearer "+d.token)
	for line := range strings.SplitSeq(header, "\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok && name != "" {
			r.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	a := httptest.NewRecorder()
	d.handler.ServeHTTP(a, r)
	return a
}

// everything is all that the directory shows.
func (d *dir) everything(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/Users", "/Groups"} {
		a := d.send(t, http.MethodGet, path, "", "")
		if a.Code != http.StatusOK {
			t.Fatalf("list %s: status %d: %s", path, a.Code, a.Body)
		}
		all.Write(a.Body.Bytes())
	}
	return all.String()
}

// kept is all that was written anywhere since the last call: to the log, by the
// process to its own log, and to the sync log.
func (w *world) kept(t testing.TB, after *eventlog.Position) string {
	t.Helper()
	tail, err := w.log.Tail(t.Context())
	must(t, err)
	r, err := w.log.Open(t.Context(), *after)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	var all strings.Builder
	for after.Seq < tail {
		e, err := r.Next(t.Context())
		must(t, err)
		for _, c := range e.Frame.Commits {
			for _, x := range c.Events {
				all.Write(x.Payload)
			}
		}
		*after = e.Position
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := synclog.NewCollector()
	for _, e := range w.entries {
		c.Add(e, e.At)
	}
	for _, b := range c.Drain(time.Now()) {
		b.Redact()
		wire, err := synclog.Encode(b)
		must(t, err)
		all.Write(wire)
	}
	all.Write(w.said.Bytes())
	w.entries = nil
	w.said.Reset()
	return all.String()
}
