package directory_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// TestUnknownCommand says that a command of a newer program is refused, not
// lost.
func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	var r directory.Request
	if err := r.UnmarshalJSON([]byte(`{"name":"Levitate","command":"{}"}`)); fault.KindOf(err) != fault.Unimplemented {
		t.Errorf("an unknown command answers %v, want unimplemented", err)
	}
	for _, b := range []string{`{"name":"CreateUser","command":"x"}`, `[]`, ``} {
		if err := r.UnmarshalJSON([]byte(b)); err == nil {
			t.Errorf("%q is read as a request", b)
		}
	}
}

// broken is a view of a store that fails.
type broken struct{}

var errBroken = errors.New("the disk is gone")

func (broken) Get(directory.Key) (directory.Row, error) { return nil, errBroken }
func (broken) Scan(_, _ directory.Key, _ func(directory.Key, directory.Row) bool) error {
	return errBroken
}

func (broken) ScanBack(_, _ directory.Key, _ func(directory.Key, directory.Row) bool) error {
	return errBroken
}

// TestBrokenView says that a failing store is never taken for "not there": no
// command decides anything on it, and no event is folded.
func TestBrokenView(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []directory.Command{
		directory.Bootstrap{SecretHash: make([]byte, 32), Public: []byte{1}, Sealed: []byte{1}},
		directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "x", ExternalID: "x"}},
		directory.UpdateOrganization{},
		directory.DeleteOrganization{},
		directory.CreateDomain{},
		directory.DeleteDomain{},
		directory.CreateDirectory{},
		directory.EnableDirectory{},
		directory.DisableDirectory{},
		directory.DeleteDirectory{},
		directory.ChangeDirectoryPolicy{},
		directory.RegisterDirectorySchemas{},
		directory.MapDirectoryAttributes{},
		directory.CreateDirectorySecret{},
		directory.RevokeDirectorySecret{},
		directory.UpdateWebhookEndpoint{},
		directory.ChangeWebhookSecret{},
		directory.DeleteWebhookEndpoint{},
		directory.DeleteAPIClient{},
		directory.CreateNATSCredential{PublicKey: "U" + strings.Repeat("A", 55)},
		directory.RevokeNATSCredential{},
		directory.UpdateAPIClient{},
		directory.ChangeAPIClientSecret{},
		s.create("x@acme.example"), s.replace(ada),
		directory.DeleteUser{},
		directory.CreateGroup{},
		directory.ReplaceGroup{},
		directory.PatchGroup{},
		directory.DeleteGroup{},
		directory.ContinueFanout{},
	} {
		if _, err := directory.Decide(broken{}, directorytest.Request(c), s.Stamp()); !errors.Is(err, errBroken) {
			t.Errorf("%T on a broken store answers %v", c, err)
		}
	}
	for _, e := range s.Log {
		switch e.Type { //nolint:exhaustive // those that read while they fold
		case events.TypeUserCreated, events.TypeGroupCreated, events.TypeGroupMembersAdded, events.TypeDirectoryEnabled:
			if _, err := directory.Evolve(broken{}, e); !errors.Is(err, errBroken) {
				t.Errorf("%s on a broken store is folded: %v", e.Type, err)
			}
		}
	}
}

// TestEvolveIsTotal says that unknown types and events about what is gone
// change nothing, and that a payload of another shape is an error.
func TestEvolveIsTotal(t *testing.T) {
	t.Parallel()
	if got, err := directory.Evolve(directory.Empty{}, events.Event{Type: "user.levitated.v1"}); err != nil || got != nil {
		t.Errorf("an unknown type gives %v, %v", got, err)
	}
	for _, e := range []events.Payload{
		events.UserUpdated{},
		events.UserDeleted{},
		events.GroupUpdated{},
		events.GroupDeleted{},
		events.GroupMembersAdded{Members: []string{"x"}},
		events.GroupMembersRemoved{Members: []string{"x"}},
		events.FanoutContinued{},
		events.DirectoryEnabled{},
		events.DirectoryDisabled{},
		events.DirectoryPolicyChanged{},
		events.DirectorySchemasChanged{},
		events.DirectoryAttributesMapped{},
		events.WebhookEndpointUpdated{},
		events.WebhookEndpointSecretChanged{},
		events.OrganizationUpdated{},
	} {
		ev, err := events.New(events.Event{ID: 1, Directory: "dir_0", Resource: "x"}, e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := directory.Evolve(directory.Empty{}, ev); err != nil || len(got) != 0 {
			t.Errorf("%s about nothing changes %v (%v)", ev.Type, got, err)
		}
	}
	poison := events.Event{Type: events.TypeUserCreated, Payload: []byte(`{"user_name":7}`)}
	if got, err := directory.Evolve(directory.Empty{}, poison); err == nil {
		t.Errorf("a payload of another shape is folded: %v", got)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	if got := directory.Make(directory.TableUser, "dir_1", "diruser_1"); got != "udir_1\x00diruser_1\x00" || got.Last() != "diruser_1" || got.Table() != 'u' {
		t.Errorf("the key is %q with last part %q", got, got.Last())
	}
	if got := directory.Key("").Last() + directory.Make(directory.TableUser).Last(); got != "" || directory.Key("").Table() != 0 {
		t.Errorf("an empty key has a last part %q", got)
	}
	if directory.Make(directory.TableUserName, "dir_1", "a\x00b") == directory.Make(directory.TableUserName, "dir_1", "a", "b") {
		t.Error("a separator in a name reaches into another scope")
	}
	if got := directory.FormatID("usr_", 42); got != "usr_000000000000000042" {
		t.Errorf("the id is %q", got)
	}
}

// TestRowsThatDoNotDecode says that damage in stored rows is an error.
func TestRowsThatDoNotDecode(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := &directory.Announced{Version: 7, Live: true, Digest: [16]byte{1, 2}}
	s.Rows.Set(directory.Make(directory.TableAnnounced, s.ada), a)
	b, _ := directory.EncodeRow(a)
	if got, err := directory.DecodeRow(directory.Make(directory.TableAnnounced, s.ada), b); err != nil || !cmp.Equal(got, directory.Row(a)) {
		t.Errorf("the row comes back as %+v, %v", got, err)
	}
	for _, table := range append([]directory.Table{directory.TableAnnounced}, directorytest.Tables...) {
		scan(t, s.Rows, table, func(k directory.Key, r directory.Row) {
			if _, isRef := r.(directory.Ref); isRef {
				return
			}
			b, err := directory.EncodeRow(r)
			if err != nil {
				t.Fatal(err)
			}
			for n := range len(b) - 1 {
				if got, err := directory.DecodeRow(k, b[:n]); err == nil {
					t.Fatalf("the first %d of %d bytes of %q decode as %+v", n, len(b), k, got)
				}
			}
		})
	}
}
