package announce_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// projector folds a world's events as a projector does.
type projector struct {
	rows   *directory.Overlay
	folded int
}

func newProjector() *projector { return &projector{rows: directory.NewOverlay(directory.Empty{})} }

// fold takes what the world's log has by now.
func (p *projector) fold(t directorytest.TB, w *directorytest.World) []announce.Announcement {
	t.Helper()
	var all []announce.Announcement
	for _, e := range w.Log[p.folded:] {
		p.folded++
		as, err := announce.Fold(p.rows, e, uint64(p.folded)) //nolint:gosec // a count
		if err != nil {
			t.Fatalf("fold %s: %v", e.Type, err)
		}
		all = append(all, as...)
	}
	return all
}

// stage is an organization with one enabled directory, whose events so far are
// folded.
type stage struct {
	*directorytest.World
	*projector
	t     *testing.T
	scope directory.Scope
}

func newStage(t *testing.T, policy string) *stage {
	t.Helper()
	s := &stage{World: directorytest.NewWorld(), projector: newProjector(), t: t}
	s.scope = s.Directory(t, s.Organization(t, "acme", "acme.example"))
	s.Must(t, directory.ChangeDirectoryPolicy{Organization: s.scope.Organization, Directory: s.scope.Directory, DeactivationEvent: &policy})
	s.fold(t, s.World)
	return s
}

// does runs commands and returns what is announced, as "type resource version".
func (s *stage) does(commands ...directory.Command) []string {
	s.t.Helper()
	for _, c := range commands {
		s.Must(s.t, c)
	}
	return told(s.t, s.fold(s.t, s.World))
}

func told(t directorytest.TB, as []announce.Announcement) []string {
	t.Helper()
	var out []string
	for _, a := range as {
		h := read(t, a)
		line := fmt.Sprintf("%s %s v%d", strings.TrimPrefix(string(a.Type), "organization."), strings.TrimLeft(h.ID[strings.Index(h.ID, "_")+1:], "10"), h.Version)
		if h.Reason != "" {
			line += " " + h.Reason
		}
		if h.Active != nil && !*h.Active {
			line += " inactive"
		}
		out = append(out, line)
	}
	return out
}

// seen is what tests look at of any payload.
type seen struct {
	ID      string            `json:"id"`
	Version uint64            `json:"version"`
	Reason  string            `json:"reason"`
	Active  *bool             `json:"active"`
	Groups  []public.GroupRef `json:"groups"`
}

func read(t directorytest.TB, a announce.Announcement) seen {
	t.Helper()
	body, err := a.Body("env_1")
	if err != nil {
		t.Fatalf("write %s: %v", a.Type, err)
	}
	var e struct{ Data seen }
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	return e.Data
}

func data(t directorytest.TB, a announce.Announcement) any {
	t.Helper()
	d, err := a.Data()
	if err != nil {
		t.Fatalf("%s: %v", a.Type, err)
	}
	return d
}

func bodies(t directorytest.TB, as []announce.Announcement) []string {
	t.Helper()
	var out []string
	for _, a := range as {
		b, err := a.Body("env_1")
		if err != nil {
			t.Fatalf("write %s: %v", a.Type, err)
		}
		out = append(out, string(b))
	}
	return out
}

func patched(t directorytest.TB, ops string) patch.Request {
	t.Helper()
	r, err := patch.Parse(nil, patch.User, []byte(`{"Operations":[`+ops+`]}`))
	if err != nil {
		t.Fatalf("parse %s: %v", ops, err)
	}
	return r
}

// TestUserLife walks a user through its states under both policies.
func TestUserLife(t *testing.T) {
	t.Parallel()
	const created, updated, deleted = "directory.user_created", "directory.user_updated", "directory.user_deleted"
	for policy, steps := range map[string][]struct {
		do   string
		want []string
	}{
		directory.DeactivationDeletes: {
			{"create", []string{created + " v1"}},
			{"title", []string{updated + " v2"}},
			{"same title", nil},
			{"deactivate", []string{deleted + " v3 deactivated"}},
			{"deactivate", nil},
			{"other title", nil},
			{"activate", []string{created + " v4"}},
			{"deactivate", []string{deleted + " v5 deactivated"}},
			{"delete", nil},
		},
		directory.DeactivationUpdates: {
			{"create", []string{created + " v1"}},
			{"title", []string{updated + " v2"}},
			{"same title", nil},
			{"deactivate", []string{updated + " v3 inactive"}},
			{"deactivate", nil},
			{"other title", []string{updated + " v4 inactive"}},
			{"activate", []string{updated + " v5"}},
			{"deactivate", []string{updated + " v6 inactive"}},
			{"delete", []string{deleted + " v7 deleted"}},
		},
		directory.DeactivationDeletes + " created inactive": {
			{"create inactive", nil}, {"title", nil}, {"activate", []string{created + " v1"}}, {"delete", []string{deleted + " v2 deleted"}},
		},
		directory.DeactivationUpdates + " created inactive": {
			{"create inactive", []string{created + " v1 inactive"}}, {"activate", []string{updated + " v2"}}, {"delete", []string{deleted + " v3 deleted"}},
		},
		directory.DeactivationDeletes + " never active": {{"create inactive", nil}, {"delete", nil}},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, strings.Fields(policy)[0])
			id := ""
			for i, step := range steps {
				var c directory.Command
				change := func(ops string) directory.Command {
					return directory.PatchUser{Scope: s.scope, ID: id, Patch: patched(t, ops)}
				}
				switch step.do {
				case "create":
					c = directory.CreateUser{Scope: s.scope, State: directorytest.User("ada@acme.example")}
				case "create inactive":
					c = directory.CreateUser{Scope: s.scope, State: directorytest.User("ada@acme.example", map[string]any{"active": false})}
				case "title", "same title":
					c = change(`{"op":"replace","path":"title","value":"Editor"}`)
				case "other title":
					c = change(`{"op":"replace","path":"title","value":"Chief"}`)
				case "deactivate":
					c = change(`{"op":"replace","path":"active","value":false}`)
				case "activate":
					c = change(`{"op":"replace","path":"active","value":true}`)
				case "delete":
					c = directory.DeleteUser{Scope: s.scope, ID: id}
				}
				out := s.Must(t, c)
				if id == "" {
					id = directorytest.ID(out)
				}
				var got []string
				for _, a := range s.fold(t, s.World) {
					h := read(t, a)
					if h.ID != id {
						t.Errorf("step %d tells of %s", i, h.ID)
					}
					line := fmt.Sprintf("%s v%d", strings.TrimPrefix(string(a.Type), "organization."), h.Version)
					if h.Reason != "" {
						line += " " + h.Reason
					}
					if h.Active != nil && !*h.Active {
						line += " inactive"
					}
					got = append(got, line)
				}
				if d := cmp.Diff(step.want, got); d != "" {
					t.Errorf("step %d, %s (-want +got):\n%s", i, step.do, d)
				}
			}
			if _, ok, _ := directory.Get[*directory.Announced](s.rows, directory.Make(directory.TableAnnounced, id)); ok {
				t.Error("something is left of the deleted user")
			}
		})
	}
}

// count returns how often each type is announced.
func count(as []announce.Announcement) map[public.Type]int {
	n := map[public.Type]int{}
	for _, a := range as {
		n[a.Type]++
	}
	return n
}

// TestGroups says that each touched member is told of once, with the groups as
// they are then, at sizes around a fan-out's batches.
func TestGroups(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, directory.FanoutBatch, directory.FanoutBatch + 1, 2*directory.FanoutBatch + 3} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, directory.DeactivationDeletes)
			var users []string
			for i := range n {
				users = append(users, directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User(fmt.Sprintf("u%d@acme.example", i))})))
			}
			s.fold(t, s.World)
			expect := func(what string, groups []string, want map[public.Type]int) {
				t.Helper()
				directorytest.Finish(t, s.World)
				as := s.fold(t, s.World)
				if d := cmp.Diff(want, count(as)); d != "" {
					t.Errorf("%s (-want +got):\n%s", what, d)
				}
				once := map[string]bool{}
				for _, a := range as {
					h := read(t, a)
					if once[h.ID] {
						t.Errorf("%s: %s is told of twice", what, h.ID)
					}
					once[h.ID] = true
					if a.Type != public.UserUpdated {
						continue
					}
					var names []string
					for _, g := range h.Groups {
						names = append(names, g.Name)
					}
					if !cmp.Equal(names, groups) {
						t.Fatalf("%s: %s is told with groups %q, want %q", what, h.ID, names, groups)
					}
				}
			}
			group := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Editors"), Members: users}))
			expect("created", []string{"Editors"}, map[public.Type]int{public.GroupCreated: 1, public.UserUpdated: n})
			s.Must(t, directory.ReplaceGroup{Scope: s.scope, ID: group, State: directorytest.Group("Readers"), Members: users})
			expect("renamed", []string{"Readers"}, map[public.Type]int{public.GroupUpdated: 1, public.UserUpdated: n})
			s.Must(t, directory.ReplaceGroup{Scope: s.scope, ID: group, State: directorytest.Group("Readers", map[string]any{"externalId": "r"}), Members: users})
			expect("given an external id", nil, map[public.Type]int{public.GroupUpdated: 1})
			s.Must(t, directory.ReplaceGroup{Scope: s.scope, ID: group, State: directorytest.Group("Readers", map[string]any{"externalId": "r"}), Members: users[1:]})
			expect("left by one", nil, map[public.Type]int{public.UserUpdated: 1})
			s.Must(t, directory.DeleteGroup{Scope: s.scope, ID: group})
			want := map[public.Type]int{public.GroupDeleted: 1}
			if n > 1 {
				want[public.UserUpdated] = n - 1
			}
			expect("deleted", nil, want)
			s.Must(t, directory.DeleteOrganization{Organization: s.scope.Organization})
			expect("all gone", nil, map[public.Type]int{public.UserDeleted: n, public.OrganizationDeleted: 1, public.DomainDeleted: 1})
			left := 0
			_ = s.rows.Scan(directory.Make(directory.TableAnnounced), "", func(k directory.Key, _ directory.Row) bool { left++; return true })
			if left != 0 {
				t.Errorf("%d rows are left of what was told", left)
			}
		})
	}
}

func TestOrganizationAndDirectory(t *testing.T) {
	t.Parallel()
	s := &stage{World: directorytest.NewWorld(), projector: newProjector(), t: t}
	org := directorytest.ID(s.Must(t, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "acme"}}))
	dir := directorytest.ID(s.Must(t, directory.CreateDirectory{Organization: org, Kind: "SCIM", Provider: "OKTA"}))
	on, off := directory.EnableDirectory{Organization: org, Directory: dir}, directory.DisableDirectory{Organization: org, Directory: dir}
	name, metadata := "ACME", map[string]string{"key": "v"}
	var got []string
	for _, line := range s.does(on, on, off, off, on,
		directory.UpdateOrganization{Organization: org, DisplayName: &name}, directory.UpdateOrganization{Organization: org, DisplayName: &name},
		directory.UpdateOrganization{Organization: org, Metadata: metadata}, directory.CreateDomain{Organization: org, Domain: "acme.example"},
		off, directory.DeleteDirectory{Organization: org, Directory: dir}, directory.DeleteOrganization{Organization: org}) {
		f := strings.Fields(line)
		got = append(got, f[0]+" "+f[len(f)-1])
	}
	want := []string{
		"created v1", "directory_enabled v1", "directory_disabled v2", "directory_enabled v3", "updated v2", "updated v3",
		"domain_created v1", "directory_disabled v4", "domain_deleted v2", "deleted v4",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("it is told otherwise (-want +got):\n%s", d)
	}
}

// TestWhatReceiversKnow follows random histories: what was announced last of
// each resource is what a fold of the log shows, versions rise by one, numbers
// rise, and a second projector announces the same.
func TestWhatReceiversKnow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		directorytest.Run(t, w, rapid.IntRange(1, 40).Draw(t, "commands"))
		directorytest.Finish(t, w)
		all := newProjector().fold(t, w)
		type last struct {
			announce.Announcement
			version uint64
		}
		known := map[string]last{}
		number := public.Number(0)
		for _, a := range all {
			h := read(t, a)
			if a.Number <= number {
				t.Fatalf("number %d follows %d", a.Number, number)
			}
			number = a.Number
			was, again := known[h.ID]
			if h.Version != was.version+1 {
				t.Fatalf("%s of %s has version %d behind %d", a.Type, h.ID, h.Version, was.version)
			}
			live := func(t public.Type) bool { return !strings.HasSuffix(string(t), "deleted") }
			if isCreated := strings.HasSuffix(string(a.Type), "created"); again && live(was.Type) == isCreated && a.Type.Object() != "Directory" || !again && !isCreated && a.Type.Object() != "Directory" {
				t.Fatalf("%s follows %q of %s", a.Type, was.Type, h.ID)
			}
			if again && a.Type == was.Type && strings.HasSuffix(string(a.Type), "updated") {
				if now := data(t, a); cmp.Equal(now, data(t, was.Announcement), cmpopts.IgnoreFields(public.Head{}, "Version"), cmpopts.IgnoreFields(public.Organization{}, "Version", "UpdateTime")) {
					t.Fatalf("%s of %s is told twice with the same: %+v", a.Type, h.ID, now)
				}
			}
			known[h.ID] = last{a, h.Version}
		}
		rows := directorytest.Fold(t, w.Log)
		_ = rows.Scan(directory.Make(directory.TableUser), "", func(_ directory.Key, r directory.Row) bool {
			u := r.(*directory.User)
			k, ok := known[u.ID]
			if !ok || k.Type == public.UserDeleted {
				if u.Active {
					t.Fatalf("receivers do not know of %s", u.ID)
				}
				return true
			}
			want, err := announce.Shown(rows, u)
			if err != nil {
				t.Fatal(err)
			}
			want.Version = k.version
			if d := cmp.Diff(any(want), data(t, k.Announcement)); d != "" {
				t.Fatalf("receivers know another %s (-want +got):\n%s", u.ID, d)
			}
			delete(known, u.ID)
			return true
		})
		_ = rows.Scan(directory.Make(directory.TableGroup), "", func(_ directory.Key, r directory.Row) bool {
			g := r.(*directory.Group)
			want := announce.Group(g)
			want.Version = known[g.ID].version
			if d := cmp.Diff(any(want), data(t, known[g.ID].Announcement)); d != "" {
				t.Fatalf("receivers know another %s (-want +got):\n%s", g.ID, d)
			}
			delete(known, g.ID)
			return true
		})
		for id, k := range known {
			if (strings.HasPrefix(id, directory.PrefixUser) || strings.HasPrefix(id, directory.PrefixGroup)) && !strings.HasSuffix(string(k.Type), "deleted") {
				t.Fatalf("receivers still know %s, which is gone", id)
			}
		}
		second := newProjector().fold(t, &directorytest.World{Log: directorytest.Stored(w.Log)})
		if d := cmp.Diff(bodies(t, all), bodies(t, second)); d != "" {
			t.Fatalf("a second projector announces otherwise (-first +second):\n%s", d)
		}
	})
}

// TestPoison says that of an event that cannot be folded nothing is left.
func TestPoison(t *testing.T) {
	t.Parallel()
	s := newStage(t, directory.DeactivationDeletes)
	before := directorytest.Rows(t, s.rows)
	for name, e := range map[string]events.Event{
		"payload": {Type: events.TypeUserCreated, Payload: []byte(`7`)},
		"members": {Type: events.TypeGroupMembersAdded, Directory: s.scope.Directory, Payload: []byte(`{"members":7}`)},
	} {
		as, err := announce.Fold(s.rows, e, 1)
		if err == nil || as != nil {
			t.Errorf("%s: it is folded and tells %v", name, as)
		}
		if d := cmp.Diff(before, directorytest.Rows(t, s.rows)); d != "" {
			t.Errorf("%s leaves something (-before +after):\n%s", name, d)
		}
	}
}

// TestUnexpectedShapes says that what a provider sends beside its schema never
// stops a projector: it is left out, and the rest is told.
func TestUnexpectedShapes(t *testing.T) {
	t.Parallel()
	u := &directory.User{ID: "diruser_1", UserState: events.UserState{UserNames: events.UserNames{UserName: "ada"}, Attributes: []byte(
		`{"name":"Ada","phoneNumbers":{"value":"1"},"addresses":["x"],"title":7,"photos":[{"value":"p","primary":"yes"}],` +
			`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":"x","nickName":"A"}`)}}
	got, err := announce.User(u, announce.Standing{}, announce.Mapped{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Nickname != "A" || got.Picture != "p" || got.Title != "" || got.Department != "" || got.Groups == nil || string(got.RawAttributes) != string(u.Attributes) {
		t.Errorf("it is told as %+v", got)
	}
	if _, err := announce.User(&directory.User{UserState: events.UserState{Attributes: []byte(`{`)}}, announce.Standing{}, announce.Mapped{}); err == nil {
		t.Error("half a document is told")
	}
}

// TestOrganizationSettings says that a change of an organization's features is
// told, with all of them, and that of its limits is not.
func TestOrganizationSettings(t *testing.T) {
	t.Parallel()
	s := newStage(t, directory.DeactivationUpdates)
	org := s.scope.Organization
	s.Must(t, directory.ChangeOrganizationSettings{Organization: org, Features: []events.OrganizationFeature{{Name: directory.FeatureSSO, Enabled: true}}})
	as := s.fold(t, s.World)
	if len(as) != 1 || as[0].Type != public.OrganizationUpdated {
		t.Fatalf("announced is %v", told(t, as))
	}
	want := public.Settings{Features: []public.Feature{{Name: "sso", Enabled: true}, {Name: "dir_sync", Enabled: true}}}
	if o, ok := data(t, as[0]).(public.Organization); !ok || o.Version != 2 || !cmp.Equal(want, o.Settings) {
		t.Errorf("receivers see %+v", data(t, as[0]))
	}
	most := 9
	if got := s.does(directory.ChangeOrganizationSettings{Organization: org, MaxUsers: &most}); len(got) != 0 {
		t.Errorf("a limit is announced: %q", got)
	}
}

// TestDomains walks a domain through its verification.
func TestDomains(t *testing.T) {
	t.Parallel()
	s := newStage(t, directory.DeactivationUpdates)
	org := s.scope.Organization
	const token = "0123456789abcdef0123456789abcdef"
	create := directory.CreateDomain{Organization: org, Domain: "initech.example", Token: token}
	id := directorytest.ID(s.Must(t, create))
	see := func(want public.Type, version uint64, status string) {
		t.Helper()
		as := s.fold(t, s.World)
		if len(as) != 1 || as[0].Type != want || as[0].Organization != org {
			t.Fatalf("announced is %v, want one %s", as, want)
		}
		d, ok := data(t, as[0]).(public.Domain)
		if !ok || d.ID != id || d.Version != version || d.VerificationStatus != status || d.VerificationMethod != "DNS" ||
			d.TXTRecordKey != "_rollcall-challenge.initech.example" || d.TXTRecordSecret != "rollcall-verification="+token || d.UpdatedAt.IsZero() {
			t.Errorf("receivers see %+v", d)
		}
	}
	see(public.DomainCreated, 1, "PENDING")
	s.At = s.At.Add(directory.DomainWindow)
	s.Must(t, directory.FailDomain{Organization: org, ID: id})
	see(public.DomainFailed, 2, "FAILED")
	s.Must(t, directory.DeleteDomain{Organization: org, ID: id})
	see(public.DomainDeleted, 3, "FAILED")
	id = directorytest.ID(s.Must(t, create))
	see(public.DomainCreated, 1, "PENDING")
	s.Must(t, directory.ConfirmDomain{Organization: org, ID: id, Secret: "rollcall-verification=" + token})
	see(public.DomainVerified, 2, "VERIFIED")
}
