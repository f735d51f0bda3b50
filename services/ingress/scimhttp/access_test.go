package scimhttp_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
)

func (d *dir) allow(t *testing.T, networks ...string) {
	t.Helper()
	d.must(t, directory.AllowDirectoryNetworks{Organization: d.org, Directory: d.id, Networks: networks})
}

// TestAllowlist says that requests from elsewhere are refused, whatever they ask,
// and that the sync log says why.
func TestAllowlist(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	d := newWorld(t, scimhttp.Config{Recorder: rec}).dir(t)
	d.allow(t, "192.0.2.0/24", "2001:db8::/32")
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{http.MethodGet, "/Users", nil},
		{http.MethodPost, "/Users", userBody("ada")},
		{http.MethodGet, "/ServiceProviderConfig", nil},
		{http.MethodPost, "/Bulk", map[string]any{}},
	} {
		a := d.do(t, c.method, c.path, c.body)
		isError(t, a, http.StatusForbidden, "")
		if !strings.Contains(a.text("detail"), "127.0.0.1") || !strings.Contains(a.text("detail"), "allowlist") {
			t.Errorf("%s %s: the refusal does not say why: %s", c.method, c.path, a.raw)
		}
	}
	// A forwarded address is nobody's word here.
	isError(t, d.do(t, http.MethodGet, "/Users", nil, "X-Forwarded-For", "192.0.2.7"), http.StatusForbidden, "")
	waitFor(t, func() bool { return rec.len() == 5 })
	for _, e := range rec.take() {
		if e.Cause != "forbidden" || e.Directory != d.id || !strings.Contains(e.Detail, "127.0.0.1") {
			t.Errorf("the sync log holds %+v", e)
		}
	}
	// A wrong secret is told nothing of the list.
	isError(t, d.do(t, http.MethodGet, "/Users", nil, "Authorization", "", "Authorization", "Bearer rcs_x"), http.StatusUnauthorized, "")
	d.allow(t, "192.0.2.0/24", "127.0.0.1")
	d.want(t, http.StatusOK, http.MethodGet, "/Users", nil)
	d.allow(t)
	d.want(t, http.StatusOK, http.MethodGet, "/Users", nil)
}

// TestAllowlist_proxies takes the address from a trusted proxy, and not what was
// sent to it.
func TestAllowlist_proxies(t *testing.T) {
	t.Parallel()
	d := newWorldBehind(t, scimhttp.Config{}, nil, "127.0.0.0/8").dir(t)
	d.allow(t, "192.0.2.0/24", "2001:db8::/32")
	for forwarded, status := range map[string]int{
		"192.0.2.7": 200, "198.51.100.1": 403, "192.0.2.7, 198.51.100.1": 403, "198.51.100.1, 192.0.2.7": 200,
		"192.0.2.7, 127.0.0.9": 200, "2001:db8::1": 200, "2001:db9::1": 403, "::ffff:192.0.2.7": 200, "": 403,
	} {
		if a := d.do(t, http.MethodGet, "/Users", nil, "X-Forwarded-For", forwarded); a.status != status {
			t.Errorf("X-Forwarded-For %q: %d, want %d: %s", forwarded, a.status, status, a.raw)
		}
	}
}

// TestRotation uses both secrets while they overlap, by the log's clock, and then
// only the new one.
func TestRotation(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	d := newWorldBehind(t, scimhttp.Config{}, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }).dir(t)
	old := d.token
	fresh := credential.New(credential.PrefixSCIM)
	d.must(t, directory.RotateDirectorySecret{Organization: d.org, Directory: d.id, Hash: fresh.Hash, Suffix: fresh.Suffix, Overlap: time.Hour})
	both := func(reads, writes int, name string) {
		t.Helper()
		d.token = old
		if a := d.do(t, http.MethodGet, "/Users", nil); a.status != reads {
			t.Errorf("%s: a read with the old secret answers %d, want %d", name, a.status, reads)
		}
		if a := d.do(t, http.MethodPost, "/Users", userBody("old-"+name)); a.status != writes {
			t.Errorf("%s: a write with the old secret answers %d, want %d", name, a.status, writes)
		}
		d.token = fresh.Plain
		d.want(t, http.StatusOK, http.MethodGet, "/Users", nil)
		d.user(t, "new-"+name)
	}
	both(http.StatusOK, http.StatusCreated, "early")
	ahead.Store(int64(30 * time.Minute))
	both(http.StatusOK, http.StatusCreated, "halfway")
	ahead.Store(int64(2 * time.Hour))
	both(http.StatusUnauthorized, http.StatusUnauthorized, "late")
	// The log knows how late it is when the clock forgets.
	ahead.Store(0)
	both(http.StatusUnauthorized, http.StatusUnauthorized, "again")
}
