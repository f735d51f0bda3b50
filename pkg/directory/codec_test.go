package directory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// TestRowsOfFormat1 reads rows as they were stored before there were former
// identities and pending members: without the fields at their end.
func TestRowsOfEarlierFormats(t *testing.T) {
	t.Parallel()
	at := directorytest.Start
	state := events.UserState{UserNames: events.UserNames{UserName: "ada", Emails: []string{"a@x"}}, Active: true, Attributes: []byte(`{"userName":"ada"}`)}
	for name, c := range map[string]struct {
		row   directory.Row
		table directory.Table
		added []int // bytes of empty fields that format 2 and 3 added
	}{
		"user":   {&directory.User{ID: "diruser_1", Directory: "dir_1", Revision: 3, Created: at, Updated: at, UserState: state}, directory.TableUser, []int{1, 0}},
		"group":  {&directory.Group{ID: "dirgroup_1", Directory: "dir_1", Revision: 3, Created: at, Updated: at, Members: 7, GroupState: directorytest.Group("G")}, directory.TableGroup, []int{2, 0}},
		"counts": {&directory.Counts{Users: 1, Groups: 2, UsersUpdated: at, GroupsUpdated: at}, directory.TableCounts, []int{2, 2}},
	} {
		b, err := directory.EncodeRow(c.row)
		if err != nil {
			t.Fatal(err)
		}
		end := len(b)
		for format := byte(3); format > 0; format-- {
			old := append([]byte{format}, b[1:end]...)
			got, err := directory.DecodeRow(directory.Make(c.table, "dir_1", "x"), old)
			if d := cmp.Diff(c.row, got); err != nil || d != "" {
				t.Errorf("the %s of format %d is read otherwise (%v, -want +got):\n%s", name, format, err, d)
			}
			if format > 1 {
				end -= c.added[format-2]
			}
		}
		for _, format := range []byte{0, 4} {
			if got, err := directory.DecodeRow(directory.Make(c.table, "dir_1", "x"), append([]byte{format}, b[1:]...)); err == nil {
				t.Errorf("a %s of format %d is read as %+v", name, format, got)
			}
		}
	}
}

// TestRowsRoundTrip stores rows with every field of the later format.
func TestRowsRoundTrip(t *testing.T) {
	t.Parallel()
	for k, row := range map[directory.Key]directory.Row{
		directory.Make(directory.TableUser, "d", "u"):   &directory.User{ID: "u", Previous: "t", UserState: events.UserState{Attributes: []byte(`{}`)}},
		directory.Make(directory.TableGroup, "d", "g"):  &directory.Group{ID: "g", Previous: "f", Pending: 300, GroupState: events.GroupState{Attributes: []byte(`{}`)}},
		directory.Make(directory.TableCounts, "d"):      &directory.Counts{Former: 1 << 40, Pending: 7, LastUserChunk: "diruser_1", LastGroupChunk: "dirgroup_1"},
		directory.Make(directory.TableFormer, "d", "u"): &directory.Former{Previous: "t", Next: "v", ExternalID: "1", Name: "ada", Deleted: 1 << 60},
	} {
		b, err := directory.EncodeRow(row)
		if err != nil {
			t.Fatal(err)
		}
		got, err := directory.DecodeRow(k, b)
		if d := cmp.Diff(row, got); err != nil || d != "" {
			t.Errorf("it comes back otherwise (%v, -want +got):\n%s", err, d)
		}
	}
}
