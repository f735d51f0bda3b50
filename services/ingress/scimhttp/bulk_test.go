package scimhttp_test

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

type object = map[string]any

// bulk is a Bulk request.
func bulk(failOnErrors int, operations ...object) object {
	b := object{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"}, "Operations": append([]object{}, operations...)}
	if failOnErrors > 0 {
		b["failOnErrors"] = failOnErrors
	}
	return b
}

func create(path, bulkID string, data object) object {
	return object{"method": "POST", "path": path, "bulkId": bulkID, "data": data}
}

func with(o object, more object) object {
	o = maps.Clone(o)
	maps.Copy(o, more)
	return o
}

// statuses of a response, in order.
func statuses(a answer) string {
	var list []string
	ops, _ := a.at("Operations").([]any)
	for i := range ops {
		list = append(list, a.text(fmt.Sprintf("Operations.%d.status", i)))
	}
	return strings.Join(list, " ")
}

// members returns the ids in a group.
func (d *dir) members(t testing.TB, group string) []string {
	t.Helper()
	var ids []string
	a := d.want(t, 200, "GET", "/Groups/"+group, nil)
	list, _ := a.at("members").([]any)
	for i := range list {
		ids = append(ids, a.text(fmt.Sprintf("members.%d.value", i)))
	}
	return ids
}

// made is the id of what an operation of a response is about.
func made(a answer, i int) string {
	location := a.text(fmt.Sprintf("Operations.%d.location", i))
	return location[strings.LastIndexByte(location, '/')+1:]
}

// TestBulk is the life of two users and a group in one request.
func TestBulk(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	old := d.user(t, "old")
	gone := d.user(t, "gone")
	tag := d.want(t, 200, "GET", "/Users/"+old, nil).header.Get("ETag")
	a := d.want(t, 200, "POST", "/Bulk", bulk(0,
		create("/Users", "mara", userBody("mara")),
		create("/Users", "ines", with(userBody("ines"), object{enterprise: object{"manager": object{"value": "bulkId:mara"}}})),
		create("/Groups", "editors", groupBody("Editors", "bulkId:mara", "bulkId:ines", old)),
		object{"method": "PUT", "path": "/Users/" + old, "version": tag, "data": with(userBody("old"), object{"title": "Elder"})},
		object{"method": "PATCH", "path": "/Users/bulkId:mara", "data": patchBody(op("replace", "title", "Editor"))},
		object{"method": "PATCH", "path": "/Groups/bulkId:editors", "bulkId": "p", "data": patchBody(op("remove", `members[value eq "bulkId:ines"]`, nil))},
		object{"method": "DELETE", "path": "/Users/" + gone},
	))
	if got := a.header.Get("Content-Type"); got != "application/scim+json" || a.text("schemas.0") != "urn:ietf:params:scim:api:messages:2.0:BulkResponse" {
		t.Errorf("the response is %s: %s", got, a.raw)
	}
	if got := statuses(a); got != "201 201 201 200 200 200 204" {
		t.Fatalf("statuses %s\n%s", got, a.raw)
	}
	mara, ines, editors := made(a, 0), made(a, 1), made(a, 2)
	for i, want := range []object{
		{"method": "POST", "bulkId": "mara", "status": "201", "location": d.base + "/Users/" + mara, "version": nil},
		{"method": "POST", "bulkId": "ines", "status": "201", "location": d.base + "/Users/" + ines, "version": d.want(t, 200, "GET", "/Users/"+ines, nil).header.Get("ETag")},
		{"method": "POST", "bulkId": "editors", "status": "201", "location": d.base + "/Groups/" + editors, "version": nil},
		{"method": "PUT", "status": "200", "location": d.base + "/Users/" + old, "version": d.want(t, 200, "GET", "/Users/"+old, nil).header.Get("ETag")},
		{"method": "PATCH", "status": "200", "location": d.base + "/Users/" + mara, "version": d.want(t, 200, "GET", "/Users/"+mara, nil).header.Get("ETag")},
		{"method": "PATCH", "bulkId": "p", "status": "200", "location": d.base + "/Groups/" + editors, "version": d.want(t, 200, "GET", "/Groups/"+editors, nil).header.Get("ETag")},
		{"method": "DELETE", "status": "204", "location": d.base + "/Users/" + gone},
	} {
		got, _ := a.at(fmt.Sprintf("Operations.%d", i)).(object)
		if v, has := want["version"]; has && v == nil { // of before a later operation
			if s, _ := got["version"].(string); !strings.HasPrefix(s, `W/"`) {
				t.Errorf("operation %d has version %q", i, s)
			}
			delete(got, "version")
			delete(want, "version")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("operation %d (-want +got):\n%s", i, diff)
		}
	}
	if got := d.want(t, 200, "GET", "/Users/"+ines, nil).text(enterprise + ".manager.value"); got != "" && got != mara {
		t.Errorf("the manager is %q", got)
	}
	manager, _ := d.want(t, 200, "GET", "/Users/"+ines, nil).body[enterprise].(object)["manager"].(object)
	if manager["value"] != mara {
		t.Errorf("the manager is %v, want %s", manager, mara)
	}
	want := map[string]bool{mara: true, old: true}
	for _, m := range d.members(t, editors) {
		if !want[m] {
			t.Errorf("%s is in the group", m)
		}
		delete(want, m)
	}
	if len(want) > 0 {
		t.Errorf("%v are not in the group", want)
	}
	if d.want(t, 200, "GET", "/Users/"+mara, nil).text("title") != "Editor" {
		t.Error("the PATCH of what was made is lost")
	}
	isError(t, d.do(t, "GET", "/Users/"+gone, nil), 404, "")
}

// TestBulk_references go forwards and in circles.
func TestBulk_references(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	manager := func(id string) any {
		block, _ := d.want(t, 200, "GET", "/Users/"+id, nil).body[enterprise].(object)
		m, _ := block["manager"].(object)
		return m["value"]
	}
	a := d.want(t, 200, "POST", "/Bulk", bulk(0,
		create("/Groups", "outer", groupBody("Outer", "bulkId:inner", "bulkId:u1")),
		create("/Groups", "inner", groupBody("Inner", "bulkId:outer", "bulkId:u2")),
		create("/Users", "u1", with(userBody("u1"), object{enterprise: object{"department": "D", "manager": object{"value": "bulkId:u2"}}})),
		create("/Users", "u2", with(userBody("u2"), object{enterprise + ":manager": object{"value": "bulkId:u1"}})),
		create("/Users", "u3", with(userBody("u3"), object{enterprise: object{"manager": "bulkId:u3"}})),
		object{"method": "PATCH", "path": "/Groups/bulkId:outer", "data": patchBody(op("add", "members", []any{object{"value": "bulkId:u4"}}))},
		create("/Users", "u4", userBody("u4")),
	))
	if got := statuses(a); got != "201 201 201 201 201 200 201" {
		t.Fatalf("statuses %s\n%s", got, a.raw)
	}
	id := func(i int) string { return made(a, i) }
	for group, want := range map[string][]string{id(0): {id(1), id(2), id(6)}, id(1): {id(0), id(3)}} {
		if got := d.members(t, group); !sameSet(got, want) {
			t.Errorf("the group %s has %v, want %v", group, got, want)
		}
	}
	for user, want := range map[string]string{id(2): id(3), id(3): id(2), id(4): id(4)} {
		if got := manager(user); got != want {
			t.Errorf("the manager of %s is %v, want %s", user, got, want)
		}
	}
	if d.want(t, 200, "GET", "/Users/"+id(2), nil).body[enterprise].(object)["department"] != "D" {
		t.Error("an attribute beside the reference is lost")
	}
	for i, kind := range []string{"Groups", "Groups", "Users", "Users", "Users"} {
		now := d.want(t, 200, "GET", "/"+kind+"/"+id(i), nil).header.Get("ETag")
		if got := a.text(fmt.Sprintf("Operations.%d.version", i)); i > 0 && got != now {
			t.Errorf("operation %d answers version %s, it is %s", i, got, now)
		}
	}
}

// TestBulk_failures of single operations leave the others alone.
func TestBulk_failures(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	taken := d.user(t, "taken")
	stale := `W/"99"`
	for _, tt := range []struct {
		what       string
		operations []object
		statuses   string
		scimType   string // of the first failure
		says       string
	}{
		{"taken", []object{create("/Users", "a", userBody("taken")), create("/Users", "b", userBody("b1"))}, "409 201", "uniqueness", "taken"},
		{"the same twice", []object{create("/Users", "a", userBody("c1")), create("/Users", "b", userBody("c1"))}, "201 409", "uniqueness", "taken"},
		{"of what failed", []object{create("/Users", "a", userBody("taken")), create("/Groups", "b", groupBody("G1", "bulkId:a"))}, "409 409", "uniqueness", ""},
		{"of what is not there", []object{create("/Groups", "b", groupBody("G2", "bulkId:zz"))}, "400", "invalidValue", "bulkId:zz"},
		{"of what fails later", []object{create("/Groups", "b", groupBody("G3", "bulkId:a", taken)), create("/Users", "a", userBody("taken")), create("/Users", "c", userBody("d1"))}, "409 409 201", "", "failed"},
		{"a circle with what fails", []object{create("/Groups", "x", groupBody("G4", "bulkId:y")), create("/Groups", "y", object{"members": []any{object{"value": "bulkId:x"}}})}, "409 400", "", "failed"},
		{"a stale version", []object{{"method": "PATCH", "path": "/Users/" + taken, "version": stale, "data": patchBody(op("replace", "title", "x"))}, {"method": "DELETE", "path": "/Users/" + taken, "version": stale}}, "412 412", "", ""},
		{"a malformed version", []object{{"method": "DELETE", "path": "/Users/" + taken, "version": `W/"1`}}, "400", "invalidSyntax", ""},
		{"an unknown id", []object{{"method": "PUT", "path": "/Users/nobody", "data": userBody("e1")}, {"method": "DELETE", "path": "/Groups/nobody"}}, "404 404", "", ""},
		{"a broken body", []object{create("/Users", "a", object{"userName": 7}), create("/Users", "b", userBody("f1"))}, "400 201", "invalidValue", ""},
		{"a broken PATCH", []object{{"method": "PATCH", "path": "/Users/" + taken, "data": object{}}}, "400", "invalidSyntax", ""},
		{"a reference as userName", []object{create("/Users", "a", with(userBody("g1"), object{"userName": "bulkId:b"})), create("/Users", "b", userBody("g2"))}, "400 201", "invalidValue", "userName"},
		{"unknown endpoints", []object{create("/Printers", "a", object{}), create("/Bulk", "b", bulk(0)), {"method": "PATCH", "path": "/Me", "data": object{}}, {"method": "GET", "path": "/Users"}}, "404 400 501 400", "", ""},
		{"deleted twice", []object{create("/Users", "a", userBody("h1")), {"method": "DELETE", "path": "/Users/bulkId:a"}, {"method": "DELETE", "path": "/Users/bulkId:a"}}, "201 204 404", "", "no user"},
		{"freed and taken", []object{create("/Users", "a", userBody("i1")), {"method": "DELETE", "path": "/Users/bulkId:a"}, create("/Users", "b", userBody("i1"))}, "201 204 201", "", ""},
		{"nothing", nil, "", "", ""},
	} {
		a := d.want(t, 200, "POST", "/Bulk", bulk(0, tt.operations...))
		if got := statuses(a); got != tt.statuses {
			t.Errorf("%s: statuses %s, want %s\n%s", tt.what, got, tt.statuses, a.raw)
			continue
		}
		first := true
		for i, status := range strings.Fields(tt.statuses) {
			at := fmt.Sprintf("Operations.%d.", i)
			failed := status[0] >= '4'
			if body := a.at(at + "response"); (body != nil) != failed {
				t.Errorf("%s: operation %d has status %s and response %v", tt.what, i, status, body)
			}
			if !failed {
				continue
			}
			if a.text(at+"response.status") != status || a.text(at+"response.schemas.0") != errorURN || a.text(at+"response.detail") == "" {
				t.Errorf("%s: operation %d failed with %v", tt.what, i, a.at(at+"response"))
			}
			if tt.operations[i]["method"] == "POST" && a.at(at+"location") != nil || a.at(at+"version") != nil {
				t.Errorf("%s: the failed operation %d is somewhere: %s", tt.what, i, a.raw)
			}
			if first && (a.text(at+"response.scimType") != tt.scimType || !strings.Contains(a.text(at+"response.detail"), tt.says)) {
				t.Errorf("%s: operation %d failed with %v", tt.what, i, a.at(at+"response"))
			}
			first = false
		}
	}
	// Whatever failed was not made, not even in part.
	for _, name := range []string{"G1", "G2", "G3", "G4"} {
		if n := d.want(t, 200, "GET", "/Groups?filter=displayName+eq+%22"+name+"%22", nil).at("totalResults"); n != 0.0 {
			t.Errorf("%v groups %s are left over", n, name)
		}
	}
}

// TestBulk_refused requests change nothing.
func TestBulk_refused(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	many := make([]object, 1001)
	for i := range many {
		many[i] = create("/Users", strconv.Itoa(i), userBody(fmt.Sprint("many", i)))
	}
	good := create("/Users", "a", userBody("a"))
	isError(t, d.do(t, "POST", "/Bulk", bulk(0, many...)), 413, "")
	if a := d.do(t, "POST", "/Bulk", bulk(0, many...)); !strings.Contains(a.text("detail"), "1000") {
		t.Errorf("the limit is not told: %s", a.raw)
	}
	large := bulk(0, good, create("/Users", "b", with(userBody("b"), object{"title": strings.Repeat("x", 4<<20)})))
	a := d.do(t, "POST", "/Bulk", large)
	isError(t, a, 413, "")
	if !strings.Contains(a.text("detail"), strconv.Itoa(4<<20)) {
		t.Errorf("the limit is not told: %s", a.raw)
	}
	isError(t, d.do(t, "POST", "/Bulk", bulk(0, good, good)), 400, "invalidValue")
	isError(t, d.do(t, "POST", "/Bulk", `{"Operations":`), 400, "invalidSyntax")
	isError(t, d.do(t, "POST", "/Bulk", `{"Operations":[],"failOnErrors":"many"}`), 400, "invalidValue")
	isError(t, d.do(t, "GET", "/Bulk", nil), 405, "")
	isError(t, d.do(t, "POST", "/Bulk/1", bulk(0)), 404, "")
	if n := d.want(t, 200, "GET", "/Users", nil).at("totalResults"); n != 0.0 {
		t.Errorf("%v users were made", n)
	}
}

// TestBulk_failOnErrors ends the job, and what was not come to is not done.
func TestBulk_failOnErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bound    int
		statuses string
		users    float64
	}{
		{0, "201 409 400 201 404 201 201", 5},
		{1, "201 409", 2},
		{2, "201 409 400", 2},
		{3, "201 409 400 201 404", 3},
		{4, "201 409 400 201 404 201 201", 5},
	} {
		d := newDir(t)
		d.user(t, "taken")
		a := d.want(t, 200, "POST", "/Bulk", bulk(tt.bound,
			create("/Users", "a", userBody("a")),
			create("/Users", "b", userBody("taken")),
			object{"method": "PURGE", "path": "/Users"},
			create("/Users", "c", userBody("c")),
			object{"method": "DELETE", "path": "/Users/nobody"},
			create("/Users", "d", userBody("d")),
			create("/Users", "e", userBody("e")),
		))
		if got := statuses(a); got != tt.statuses {
			t.Errorf("with %d: statuses %s, want %s", tt.bound, got, tt.statuses)
		}
		if n := d.want(t, 200, "GET", "/Users", nil).at("totalResults"); n != tt.users {
			t.Errorf("with %d: there are %v users, want %v", tt.bound, n, tt.users)
		}
	}
	t.Run("before a reference", func(t *testing.T) {
		t.Parallel()
		d := newDir(t)
		a := d.want(t, 200, "POST", "/Bulk", bulk(1,
			create("/Groups", "g", groupBody("G", "bulkId:u")),
			object{"method": "DELETE", "path": "/Users/nobody"},
			create("/Users", "u", userBody("u")),
		))
		if got := statuses(a); got != "409 404" {
			t.Errorf("statuses %s: %s", got, a.raw)
		}
		if n := d.want(t, 200, "GET", "/Groups", nil).at("totalResults"); n != 0.0 {
			t.Errorf("%v groups are left over", n)
		}
	})
}

// TestBulk_large sends as much as is allowed, each operation referring to the
// one before, in few appends.
func TestBulk_large(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	before := d.ingress.At().Seq
	ops := make([]object, 1000)
	for i := range ops {
		u := userBody(fmt.Sprint("u", i))
		if i > 0 {
			u = with(u, object{enterprise: object{"manager": object{"value": fmt.Sprint("bulkId:", i-1)}}})
		}
		ops[i] = create("/Users", strconv.Itoa(i), u)
	}
	started := time.Now()
	a := d.want(t, 200, "POST", "/Bulk", bulk(1, ops...))
	if got := statuses(a); got != strings.TrimSpace(strings.Repeat("201 ", 1000)) {
		t.Fatalf("statuses %s", got)
	}
	if frames := d.ingress.At().Seq - before; frames > 100 {
		t.Errorf("1000 operations took %d appends", frames)
	}
	t.Logf("1000 operations took %s", time.Since(started))
}

// TestBulk_rate counts operations.
func TestBulk_rate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	d := newWorld(t, scimhttp.Config{RateLimit: 10, Clock: func() time.Time { return now }}).dir(t)
	ops := make([]object, 25)
	for i := range ops {
		ops[i] = create("/Users", strconv.Itoa(i), userBody(fmt.Sprint("u", i)))
	}
	if got := statuses(d.want(t, 200, "POST", "/Bulk", bulk(0, ops...))); strings.Count(got, "201") != 25 {
		t.Errorf("statuses %s", got)
	}
	a := d.do(t, "GET", "/Users", nil)
	isError(t, a, http.StatusTooManyRequests, "")
	if got := a.header.Get("Retry-After"); got != "2" { // 15 operations too many, at 10 a second, and one for this request
		t.Errorf("Retry-After is %q", got)
	}
	now = now.Add(1600 * time.Millisecond)
	d.want(t, 200, "GET", "/Users", nil)
}

func sameSet(a, b []string) bool {
	seen := map[string]int{}
	for _, s := range a {
		seen[s]++
	}
	for _, s := range b {
		seen[s]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

// TestLargeBodies sends more of them than are in work at once, one after the
// other: each gives its place back, however it ends.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	large := strings.Repeat("x", 100<<10)
	for i := range 10 {
		d.want(t, 400, "POST", "/Users", object{"schemas": []any{userURN}, "displayName": large})
		d.want(t, 201, "POST", "/Users", with(userBody(fmt.Sprint("u", i)), object{"externalId": strconv.Itoa(i), "urn:example:left:out": large}))
	}
}
