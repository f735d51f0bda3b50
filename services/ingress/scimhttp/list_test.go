package scimhttp_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
)

// listed returns the ids of a list, which must be one.
func listed(t testing.TB, a answer) []string {
	t.Helper()
	if a.status != http.StatusOK || a.text("schemas.0") != "urn:ietf:params:scim:api:messages:2.0:ListResponse" {
		t.Fatalf("status %d, no list: %s", a.status, a.raw)
	}
	resources, ok := a.at("Resources").([]any)
	if !ok {
		t.Fatalf("Resources is no list: %s", a.raw)
	}
	if got := a.at("itemsPerPage"); got != float64(len(resources)) {
		t.Errorf("itemsPerPage is %v with %d resources", got, len(resources))
	}
	ids := []string{}
	for i := range resources {
		ids = append(ids, a.text(fmt.Sprintf("Resources.%d.id", i)))
	}
	return ids
}

// searchBody makes a SearchRequest.
func searchBody(m map[string]any) map[string]any {
	m["schemas"] = []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}
	return m
}

// TestListAndSearch asks the same of GET and of .search, on every level.
func TestListAndSearch(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	ada, bob, cyd := d.user(t, "ada"), d.user(t, "bob"), d.user(t, "cyd")
	staff := d.group(t, "Staff", ada, bob)
	crew := d.group(t, "Crew", staff)
	for _, tt := range []struct {
		name, endpoint string
		ask            map[string]any
		want           []string
		total          int
	}{
		{"all users", "/Users", nil, []string{ada, bob, cyd}, 3},
		{"all groups", "/Groups", nil, []string{staff, crew}, 2},
		{"everything", "", nil, []string{ada, bob, cyd, staff, crew}, 5},
		{"a page", "/Users", map[string]any{"startIndex": 2, "count": 1}, []string{bob}, 3},
		{"totals", "/Users", map[string]any{"count": 0}, []string{}, 3},
		{"a page over both kinds", "", map[string]any{"startIndex": 3, "count": 2}, []string{cyd, staff}, 5},
		{"sorted", "/Users", map[string]any{"sortBy": "userName", "sortOrder": "descending"}, []string{cyd, bob, ada}, 3},
		{"both kinds sorted", "", map[string]any{"sortBy": "displayName"}, []string{crew, staff, ada, bob, cyd}, 5},
		{"nobody", "/Users", map[string]any{"filter": `userName eq "nobody"`}, []string{}, 0},
		{"a user", "/Users", map[string]any{"filter": `userName eq "ADA@acme.example"`}, []string{ada}, 1},
		{"members, also by way of others", "/Users", map[string]any{"filter": fmt.Sprintf("groups.value eq %q", crew)}, []string{ada, bob}, 2},
		{"groups of a user", "/Groups", map[string]any{"filter": fmt.Sprintf("members eq %q", ada)}, []string{staff}, 1},
		{"of one kind by type", "", map[string]any{"filter": `meta.resourceType eq "Group" and displayName sw "s"`}, []string{staff}, 1},
		{"an attribute of one kind", "", map[string]any{"filter": `userName pr`}, []string{ada, bob, cyd}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := url.Values{}
			for k, v := range tt.ask {
				q.Set(k, fmt.Sprint(v))
			}
			body := map[string]any{}
			for k, v := range tt.ask {
				body[k] = v
			}
			path := tt.endpoint
			if len(q) > 0 {
				path += "?" + q.Encode()
			}
			for _, a := range []answer{d.do(t, http.MethodGet, path, nil), d.do(t, http.MethodPost, tt.endpoint+"/.search", searchBody(body))} {
				if diff := cmp.Diff(tt.want, listed(t, a)); diff != "" || a.at("totalResults") != float64(tt.total) {
					t.Errorf("totalResults %v, want %d (-want +got):\n%s", a.at("totalResults"), tt.total, diff)
				}
			}
		})
	}
}

// TestCursors walks a list by cursor, by GET and by .search.
func TestCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scimhttp.Config{})
	d, other := w.dir(t), w.dir(t)
	var want []string
	for i := range 7 {
		want = append(want, d.user(t, fmt.Sprintf("u%d", i)))
	}
	ways := map[string]func(cursor string) answer{
		"GET": func(c string) answer {
			return d.do(t, http.MethodGet, "/Users?sortBy=userName&count=3&cursor="+url.QueryEscape(c), nil)
		},
		"POST": func(c string) answer {
			return d.do(t, http.MethodPost, "/Users/.search", searchBody(map[string]any{"sortBy": "userName", "count": 3, "cursor": c}))
		},
	}
	for name, page := range ways {
		var got []string
		a := page("")
		for {
			got = append(got, listed(t, a)...)
			if a.at("totalResults") != 7.0 || a.at("startIndex") != nil {
				t.Errorf("%s: %s", name, a.raw[:min(200, len(a.raw))])
			}
			next := a.text("nextCursor")
			if next == "" {
				break
			}
			a = page(next)
			if a.text("previousCursor") == "" {
				t.Errorf("%s: a page behind the first has no way back", name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if back := listed(t, page(a.text("previousCursor"))); !slices.Equal(back, want[3:6]) {
			t.Errorf("%s: the page before the last is %v", name, back)
		}
	}
	if a := d.want(t, http.StatusOK, http.MethodGet, "/Users?cursor&count=7", nil); a.at("nextCursor") != nil || a.at("previousCursor") != nil {
		t.Error("the only page has cursors")
	}
	if a := d.want(t, http.StatusOK, http.MethodGet, "/Users?count=2", nil); a.at("nextCursor") != nil || a.at("startIndex") != 1.0 {
		t.Error("a page by index has a cursor, or no startIndex")
	}
	cursor := ways["GET"]("").text("nextCursor")
	isError(t, other.do(t, http.MethodGet, "/Users?sortBy=userName&count=3&cursor="+cursor, nil), http.StatusBadRequest, "invalidCursor")
	isError(t, d.do(t, http.MethodGet, "/Groups?count=3&cursor="+cursor, nil), http.StatusBadRequest, "invalidCursor")
	isError(t, d.do(t, http.MethodGet, "/Users?cursor=x", nil), http.StatusBadRequest, "invalidCursor")
	isError(t, d.do(t, http.MethodGet, "/Users?cursor=&startIndex=1", nil), http.StatusBadRequest, "invalidCursor")
	isError(t, d.do(t, http.MethodGet, "/Users?cursor=&count=0", nil), http.StatusBadRequest, "invalidCount")
	isError(t, d.do(t, http.MethodGet, "/Users?cursor=&count=many", nil), http.StatusBadRequest, "invalidCount")
}

func TestExpiredCursor(t *testing.T) {
	t.Parallel()
	var late atomic.Bool
	d := newWorld(t, scimhttp.Config{Clock: func() time.Time {
		if late.Load() {
			return time.Now().Add(48 * time.Hour)
		}
		return time.Now()
	}}).dir(t)
	d.user(t, "a")
	d.user(t, "b")
	cursor := d.want(t, http.StatusOK, http.MethodGet, "/Users?cursor=&count=1", nil).text("nextCursor")
	late.Store(true)
	isError(t, d.do(t, http.MethodGet, "/Users?cursor="+cursor+"&count=1", nil), http.StatusBadRequest, "expiredCursor")
}

// TestListProjection says that a list holds what was asked for, of each kind.
func TestListProjection(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	ada := d.user(t, "ada")
	d.group(t, "Staff", ada)
	a := d.want(t, http.StatusOK, http.MethodPost, "/.search", searchBody(map[string]any{"attributes": []string{"userName", "members.value"}}))
	if a.text("Resources.0.userName") != "ada@acme.example" || a.at("Resources.0.meta") != nil || a.at("Resources.0.groups") != nil ||
		a.text("Resources.1.members.0.value") != ada || a.at("Resources.1.members.0.type") != nil || a.at("Resources.1.displayName") != nil {
		t.Error(a.raw)
	}
	a = d.want(t, http.StatusOK, http.MethodGet, "/Groups?excludedAttributes=members", nil)
	if a.at("Resources.0.members") != nil || a.text("Resources.0.displayName") != "Staff" {
		t.Error(a.raw)
	}
	if a = d.want(t, http.StatusOK, http.MethodGet, "/Groups", nil); a.text("Resources.0.members.0.value") != ada {
		t.Errorf("a list leaves out members: %s", a.raw)
	}
	isError(t, d.do(t, http.MethodPost, "/Users/.search", searchBody(map[string]any{"attributes": []string{"a"}, "excludedAttributes": []string{"b"}})), http.StatusBadRequest, "invalidValue")
	if a = d.want(t, http.StatusOK, http.MethodGet, `/Users?attributes=`+url.QueryEscape(`emails[type eq "work"].value,userName`), nil); a.text("Resources.0.userName") == "" {
		t.Error(a.raw)
	}
}

// TestFilterSeesWhatIsServed says that a value copied from an answer finds its
// resource again.
func TestFilterSeesWhatIsServed(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	ada := d.user(t, "ada")
	staff := d.group(t, "Staff", ada)
	d.user(t, "bob")
	for endpoint, id := range map[string]string{"/Users": ada, "/Groups": staff} {
		one := d.want(t, http.StatusOK, http.MethodGet, endpoint+"/"+id, nil)
		for _, path := range []string{"meta.version", "meta.location", "meta.lastModified", "meta.created", "meta.resourceType", "id", "schemas.0"} {
			name, _, _ := strings.Cut(path, ".0")
			filter := fmt.Sprintf("id eq %q and %s eq %q", id, name, strings.ReplaceAll(one.text(path), `"`, "\x00"))
			filter = strings.ReplaceAll(filter, `\x00`, `\"`)
			if got := listed(t, d.do(t, http.MethodGet, endpoint+"?filter="+url.QueryEscape(filter), nil)); !slices.Equal(got, []string{id}) {
				t.Errorf("%s: %s finds %v", endpoint, filter, got)
			}
			if path == "meta.lastModified" {
				filter = strings.Replace(filter, path+" eq", path+" gt", 1)
				if got := listed(t, d.do(t, http.MethodGet, endpoint+"?filter="+url.QueryEscape(filter), nil)); len(got) > 0 {
					t.Errorf("%s: %s finds %v", endpoint, filter, got)
				}
			}
		}
	}
}

// TestListMethods says what the paths of lists and searches take.
func TestListMethods(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	for path, allow := range map[string]string{"/.search": "OPTIONS, POST", "/Users/.search": "OPTIONS, POST", "": "GET, HEAD, OPTIONS"} {
		a := d.do(t, http.MethodDelete, path, nil)
		isError(t, a, http.StatusMethodNotAllowed, "")
		if got := a.header.Get("Allow"); got != allow {
			t.Errorf("%s allows %q, want %q", path, got, allow)
		}
	}
	isError(t, d.do(t, http.MethodPost, "/Users/.search/x", searchBody(map[string]any{})), http.StatusNotFound, "")
	isError(t, d.do(t, http.MethodPost, "/Schemas/.search", searchBody(map[string]any{})), http.StatusNotFound, "")
	isError(t, d.do(t, http.MethodPost, "/Users/.search", `{"schemas":`), http.StatusBadRequest, "invalidSyntax")
	isError(t, d.do(t, http.MethodGet, "/Users?filter="+url.QueryEscape(`hat eq "x"`), nil), http.StatusBadRequest, "invalidFilter")
	isError(t, d.do(t, http.MethodGet, "/Users?filter="+strings.Repeat("(", 100), nil), http.StatusBadRequest, "invalidFilter")
}

// TestSlowQuery ends a scan that takes too long, and leaves what an index answers
// alone.
func TestSlowQuery(t *testing.T) {
	t.Parallel()
	var slow atomic.Bool
	var asked atomic.Int64
	d := newWorld(t, scimhttp.Config{Clock: func() time.Time {
		if slow.Load() {
			return time.Now().Add(time.Duration(asked.Add(1)) * 15 * time.Second)
		}
		return time.Now()
	}}).dir(t)
	scope := directory.Scope{}
	must(t, d.ingress.Read(t.Context(), func(v directory.View) (err error) {
		return v.Scan(directory.Make(directory.TableSecret), "", func(_ directory.Key, r directory.Row) bool {
			s := r.(*directory.Secret)
			scope = directory.Scope{Organization: s.Organization, Directory: s.Directory, Secret: s.ID, SecretHash: s.Hash}
			return true
		})
	}))
	for i := range 2100 {
		state, err := directory.UserStateOf(scim.Resource{"userName": fmt.Sprintf("u%d@acme.example", i), "title": "Clerk"})
		must(t, err)
		d.must(t, directory.CreateUser{Scope: scope, State: state})
	}
	slow.Store(true)
	isError(t, d.do(t, http.MethodGet, "/Users?filter="+url.QueryEscape(`title eq "Boss"`), nil), http.StatusBadRequest, "tooMany")
	if got := listed(t, d.do(t, http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "u2000@acme.example"`), nil)); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
