package directory_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// stage is a world with one enabled directory, a user "ada" in a group, and a
// second organization with a directory of its own.
type stage struct {
	*directorytest.World
	t      *testing.T
	org    string
	scope  directory.Scope
	ada    string
	group  string
	other  directory.Scope
	domain string
}

const ada = "ada@acme.example"

func newStage(t *testing.T) *stage {
	t.Helper()
	w := directorytest.NewWorld()
	w.Must(t, directory.Bootstrap{SecretHash: make([]byte, 32), SecretSuffix: "abcd", Public: []byte{1}, Sealed: []byte{2}})
	s := &stage{World: w, t: t, org: w.Organization(t, "acme")}
	s.domain = directorytest.ID(w.Must(t, directory.CreateDomain{Organization: s.org, Domain: "acme.example"}))
	s.scope = w.Directory(t, s.org)
	s.other = w.Directory(t, w.Organization(t, "globex", "globex.example"))
	s.ada = directorytest.ID(w.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User(ada)}))
	s.group = directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Editors"), Members: []string{s.ada}}))
	return s
}

func (s *stage) policy(domain, email string) {
	s.t.Helper()
	c := directory.ChangeDirectoryPolicy{Organization: s.org, Directory: s.scope.Directory}
	if domain != "" {
		c.DomainPolicy = &domain
	}
	if email != "" {
		c.EmailPolicy = &email
	}
	s.Must(s.t, c)
}

func (s *stage) create(userName string, attributes ...map[string]any) directory.Command {
	return directory.CreateUser{Scope: s.scope, State: directorytest.User(userName, attributes...)}
}

func (s *stage) replace(userName string, attributes ...map[string]any) directory.Command {
	return directory.ReplaceUser{Scope: s.scope, ID: s.ada, State: directorytest.User(userName, attributes...)}
}

func (s *stage) patch(body string) directory.Command {
	s.t.Helper()
	r, err := patch.Parse(nil, patch.User, []byte(`{"Operations":[`+body+`]}`))
	if err != nil {
		s.t.Fatal(err)
	}
	return directory.PatchUser{Scope: s.scope, ID: s.ada, Patch: r}
}

// attrs is short for attributes of a resource.
type attrs = map[string]any

// refused is what a refusal must be, and what its text must and must not say.
type refused struct {
	kind   fault.Kind
	reason fault.Reason
	says   []string
	not    []string
}

// example is given/when/then: a stage, changed by given, a command, and either
// the types of its events (none for a no-op) or a refusal.
type example struct {
	given func(s *stage)
	when  func(s *stage) directory.Command
	then  []events.Type
	no    *refused
}

func run(t *testing.T, examples map[string]example) {
	t.Helper()
	for name, e := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if e.given != nil {
				e.given(s)
			}
			before := directorytest.Rows(t, s.Rows)
			out, err := s.Try(e.when(s))
			if e.no != nil {
				if err == nil {
					t.Fatalf("it is accepted: %v", out.Events)
				}
				f := fault.Of(err)
				if f.Kind != e.no.kind || f.Reason != e.no.reason {
					t.Errorf("it is refused as %v %q, want %v %q: %s", f.Kind, f.Reason, e.no.kind, e.no.reason, f.Detail)
				}
				for _, want := range e.no.says {
					if !strings.Contains(f.Detail, want) {
						t.Errorf("the refusal does not say %q: %s", want, f.Detail)
					}
				}
				for _, no := range e.no.not {
					if strings.Contains(f.Detail, no) {
						t.Errorf("the refusal gives away %q: %s", no, f.Detail)
					}
				}
				same(t, "a refusal", before, directorytest.Rows(t, s.Rows))
				return
			}
			if err != nil {
				t.Fatalf("it is refused: %v", err)
			}
			var got []events.Type
			for _, ev := range out.Events {
				got = append(got, ev.Type)
			}
			if d := cmp.Diff(e.then, got); d != "" {
				t.Errorf("it causes other events (-want +got):\n%s", d)
			}
			if out.Resource != "" {
				if r, err := s.Rows.Get(out.Resource); err != nil || r == nil {
					t.Errorf("the row that it is about, %q, is not there (%v)", out.Resource, err)
				}
			}
			consistent(t, s.Rows)
		})
	}
}

func invalidValue(says ...string) *refused {
	return &refused{kind: fault.Invalid, reason: fault.InvalidValue, says: says, not: []string{"@"}}
}

var (
	unauthenticated = &refused{kind: fault.Unauthenticated}
	notFound        = &refused{kind: fault.NotFound}
	disabled        = &refused{kind: fault.Unavailable, says: []string{"disabled", "enable"}}
	mutability      = &refused{kind: fault.Invalid, reason: fault.Mutability, says: []string{"FOLLOW_DIRECTORY"}, not: []string{"@"}}
)
