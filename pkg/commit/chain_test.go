package commit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
)

// link is one of a chain; needs are the names that its command refers to.
func link(id, defines string, c directory.Command, needs ...string) commit.Link {
	return commit.Link{Request: directory.Request{ID: id, Actor: "api:test", Command: c}, Defines: defines, Needs: needs}
}

func group(s directory.Scope, name string, members ...string) directory.Command {
	return directory.CreateGroup{Scope: s, Members: members, State: events.GroupState{
		GroupNames: events.GroupNames{DisplayName: name}, Attributes: fmt.Appendf(nil, `{"displayName":%q}`, name),
	}}
}

// outcomes is how a chain was answered, one word for each link.
func outcomes(answers []commit.Answer) string {
	var words []string
	for _, a := range answers {
		switch {
		case a.Err == nil && a.Result.Seq == 0:
			words = append(words, "done")
		case a.Err == nil:
			words = append(words, "ok")
		case errors.Is(a.Err, commit.ErrLeftOut):
			words = append(words, "left")
		case errors.Is(a.Err, commit.ErrRefused):
			words = append(words, "refused")
		default:
			words = append(words, strings.ReplaceAll(fault.KindOf(a.Err).String(), " ", "-"))
		}
	}
	return strings.Join(words, " ")
}

// TestChain decides links in their order, each seeing what those before did, in
// one append.
func TestChain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		links func(s directory.Scope) []commit.Link
		stop  int
		want  string
		users []string // userNames in the end
	}{
		"in order": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					link("2", "", user(s, "ADA")),
					link("3", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"),
					link("4", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"),
					link("5", "again", user(s, "ada")),
					link("6", "g", group(s, "G", "bulkId:again"), "again"),
				}
			},
			want: "ok conflict ok not-found ok ok", users: []string{"ada@acme.example"},
		},
		"a reference to what failed": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					link("2", "twin", user(s, "ada")),
					link("3", "g", group(s, "G", "bulkId:twin"), "twin"),
					link("4", "", directory.DeleteGroup{Scope: s, ID: "bulkId:g"}, "g"),
				}
			},
			want: "ok conflict conflict conflict", users: []string{"ada@acme.example"},
		},
		"the end after failures": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "", user(s, "ada")), link("2", "", user(s, "ada")), {Refused: true}, link("3", "", user(s, "bob")),
				}
			},
			stop: 2, want: "ok conflict refused left", users: []string{"ada@acme.example"},
		},
		"no end": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{{Refused: true}, link("2", "", user(s, "ada"))}
			},
			want: "refused ok", users: []string{"ada@acme.example"},
		},
		"completed": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "g", group(s, "G")),
					link("2", "ada", user(s, "ada")),
					complete(link("3", "", directory.ReplaceGroup{Scope: s, ID: "bulkId:g", State: group(s, "G").(directory.CreateGroup).State, Members: []string{"bulkId:ada"}}, "g", "ada"), 0),
					undo(link("4", "", directory.DeleteGroup{Scope: s, ID: "bulkId:g"}, "g"), 2),
				}
			},
			want: "ok ok ok left", users: []string{"ada@acme.example"},
		},
		"undone": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					{Refused: true, Defines: "bob"},
					complete(link("3", "", directory.ReplaceUser{Scope: s, ID: "bulkId:ada", State: directorytest.User("bob@acme.example")}, "ada", "bob"), 0),
					undo(link("4", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"), 2),
					link("5", "", group(s, "G", "bulkId:ada"), "ada"),
				}
			},
			want: "ok refused conflict ok conflict",
		},
		"undone at the end": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					{Refused: true},
					complete(link("3", "", directory.ReplaceUser{Scope: s, ID: "bulkId:ada", State: directorytest.User("bob@acme.example")}, "ada"), 0),
					undo(link("4", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"), 2),
				}
			},
			stop: 1, want: "ok refused left ok",
		},
		"nothing to complete": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					{Refused: true, Defines: "ada"},
					complete(link("2", "", directory.ReplaceUser{Scope: s, ID: "bulkId:ada", State: directorytest.User("ada@acme.example")}, "ada"), 0),
					undo(link("3", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"), 1),
					link("4", "", user(s, "bob")),
				}
			},
			stop: 2, want: "refused left left ok", users: []string{"bob@acme.example"},
		},
		"partly done": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					{Done: &commit.Done{OK: true, ID: "diruser_7"}, Defines: "seven"},
					{Done: &commit.Done{Failed: true}, Defines: "gone"},
					{Done: &commit.Done{}},
					link("1", "", directory.DeleteUser{Scope: s, ID: "bulkId:seven"}, "seven"),
					link("2", "", directory.DeleteUser{Scope: s, ID: "bulkId:gone"}, "gone"),
				}
			},
			stop: 2, want: "done done done not-found left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memlog.New()
			o := own(t, log, nil)
			s := o.prepare(t)
			before := log.Appends()
			answers := o.SubmitChain(t.Context(), c.links(s), c.stop)
			if got := outcomes(answers); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
			if n := log.Appends() - before; n > 2 {
				t.Errorf("%d appends", n)
			}
			h := read(t, log)
			o.agree(t, h)
			if diff := cmp.Diff(c.users, usersIn(t, o, s)); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
		})
	}
}

func complete(l commit.Link, of int) commit.Link {
	l.Role, l.Of = bulk.Completion, of
	return l
}

func undo(l commit.Link, of int) commit.Link {
	l.Role, l.Of = bulk.Undo, of
	return l
}

func usersIn(t testing.TB, o *owner, s directory.Scope) (names []string) {
	t.Helper()
	if err := o.replica.Read(func(v directory.View) error {
		return v.Scan(directory.Make(directory.TableUser, s.Directory), "", func(_ directory.Key, r directory.Row) bool {
			names = append(names, r.(*directory.User).UserName)
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
	return names
}
