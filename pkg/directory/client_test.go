package directory_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func hashOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// clients is a world with an environment, whose first client has all scopes.
func clients(t *testing.T) *directorytest.World {
	t.Helper()
	w := directorytest.NewWorld()
	w.Must(t, directory.Bootstrap{ClientID: "skc_first", SecretHash: hashOf(1), Public: []byte{1}, Sealed: []byte{2}})
	return w
}

func clientOf(t *testing.T, w *directorytest.World, id string) *directory.APIClient {
	t.Helper()
	r, ok, err := directory.Get[*directory.APIClient](w.Rows, directory.Make(directory.TableClient, id))
	if !ok || err != nil {
		t.Fatalf("there is no client %s (%v)", id, err)
	}
	return r
}

func TestClient_scopes(t *testing.T) {
	t.Parallel()
	w := clients(t)
	if got := clientOf(t, w, "skc_first").Granted(); !slices.Equal(got, directory.Scopes()) {
		t.Errorf("the first client may %q", got)
	}
	org := directorytest.ID(w.Must(t, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "Acme"}}))
	for name, c := range map[string]struct {
		when directory.Command
		want fault.Kind
	}{
		"a scope that there is not":   {directory.CreateAPIClient{Hash: hashOf(2), Scopes: []string{"root"}}, fault.Invalid},
		"an admin of an organization": {directory.CreateAPIClient{Hash: hashOf(2), Organization: org}, fault.Invalid},
		"no such organization":        {directory.CreateAPIClient{Hash: hashOf(2), Organization: "org_0", Scopes: []string{"read"}}, fault.NotFound},
		"the last admin deleted":      {directory.DeleteAPIClient{ID: "skc_first"}, fault.FailedPrecondition},
		"the last admin no more":      {directory.UpdateAPIClient{ID: "skc_first", Scopes: &[]string{"read"}}, fault.FailedPrecondition},
		"no scope at all":             {directory.UpdateAPIClient{ID: "skc_first", Scopes: &[]string{}}, fault.Invalid},
		"an overlap of eight days":    {directory.ChangeAPIClientSecret{ID: "skc_first", Hash: hashOf(3), Overlap: 8 * 24 * time.Hour}, fault.Invalid},
	} {
		if _, err := w.Try(c.when); err == nil || fault.KindOf(err) != c.want {
			t.Errorf("%s: %v, want a fault of kind %v", name, err, c.want)
		}
	}
	own := directorytest.ID(w.Must(t, directory.CreateAPIClient{Name: "acme", Hash: hashOf(2), Scopes: []string{"write", "read"}, Organization: org}))
	if c := clientOf(t, w, own); c.Organization != org || !slices.Equal(c.Scopes, []string{"read", "write"}) || c.May("admin") {
		t.Errorf("the organization's client is %+v", c)
	}
	if _, err := w.Try(directory.UpdateAPIClient{ID: own, Scopes: &[]string{"admin"}}); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("the organization's client becomes an admin: %v", err)
	}
	second := directorytest.ID(w.Must(t, directory.CreateAPIClient{Hash: hashOf(4)}))
	w.Must(t, directory.DeleteAPIClient{ID: "skc_first"})
	if _, err := w.Try(directory.DeleteAPIClient{ID: second}); fault.KindOf(err) != fault.FailedPrecondition || err == nil {
		t.Errorf("the last admin goes: %v", err)
	}
}

func TestClient_secrets(t *testing.T) {
	t.Parallel()
	w := clients(t)
	number := func(hash []byte, at time.Time) uint64 {
		n, ok := clientOf(t, w, "skc_first").Secret(at, func(h []byte) bool { return bytes.Equal(h, hash) })
		if ok != (n > 0) || ok && !clientOf(t, w, "skc_first").Counts(n, at) {
			t.Errorf("secret %d counts: %v", n, ok)
		}
		return n
	}
	out := w.Must(t, directory.ChangeAPIClientSecret{ID: "skc_first", Hash: hashOf(2), Overlap: time.Hour})
	at := out.Events[0].At
	for name, c := range map[string]struct {
		hash []byte
		at   time.Time
		want uint64
	}{
		"the new one":                    {hashOf(2), at, 2},
		"the old one within the overlap": {hashOf(1), at.Add(time.Hour - 1), 1},
		"the old one when that is over":  {hashOf(1), at.Add(time.Hour), 0},
		"the new one long after":         {hashOf(2), at.Add(1000 * time.Hour), 2},
		"one that never was":             {hashOf(9), at, 0},
	} {
		if got := number(c.hash, c.at); got != c.want {
			t.Errorf("%s is secret %d, want %d", name, got, c.want)
		}
	}
	if out := w.Must(t, directory.ChangeAPIClientSecret{ID: "skc_first", Hash: hashOf(2)}); len(out.Events) != 0 {
		t.Errorf("the same secret again causes %v", out.Events)
	}
	w.Must(t, directory.ChangeAPIClientSecret{ID: "skc_first", Hash: hashOf(3)})
	if number(hashOf(1), at) != 0 || number(hashOf(2), at) != 0 || number(hashOf(3), at) != 3 {
		t.Error("without an overlap, earlier secrets still count")
	}
	if c := clientOf(t, w, "skc_first"); c.Counts(1, at) || c.Counts(0, at) || !c.Counts(3, at) {
		t.Error("tokens of ended secrets still count")
	}
}
