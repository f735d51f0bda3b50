package scimhttp_test

import (
	"testing"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// TestBulk_strict completes what refers forwards also where nothing is tolerated,
// and refuses what a single request would be refused for.
func TestBulk_strict(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	strict := directory.ConformanceStrict
	d.must(t, directory.ChangeDirectoryPolicy{Organization: d.org, Directory: d.id, Conformance: &strict})
	boss := func(name string) object {
		return object{"schemas": []string{userURN, enterprise}, enterprise: object{"manager": object{"value": "bulkId:" + name}}}
	}
	a := d.want(t, 200, "POST", "/Bulk", bulk(0,
		create("/Groups", "outer", groupBody("Outer", "bulkId:inner", "bulkId:u1")),
		create("/Groups", "inner", groupBody("Inner", "bulkId:outer")),
		create("/Users", "u1", with(userBody("u1"), boss("u2"))),
		create("/Users", "u2", with(userBody("u2"), boss("u1"))),
		object{"method": "post", "path": "/Users", "bulkId": "u3", "data": userBody("u3")},
		create("Users", "u4", userBody("u4")),
		create("/Users", "", userBody("u5")),
		create("/Users", "u6", with(userBody("u6"), object{"active": "True"})),
		create("/Users", "u7", with(userBody("u7"), object{"schemas": []string{userURN, enterprise}, enterprise: object{"manager": "bulkId:u8"}})),
		create("/Users", "u8", userBody("u8")),
		object{"method": "DELETE", "path": "/Users/bulkId:u8", "version": "1"},
	))
	if got := statuses(a); got != "201 201 201 201 400 400 400 400 400 201 400" {
		t.Errorf("statuses %s\n%s", got, a.raw)
	}
	if got := d.members(t, made(a, 0)); !sameSet(got, []string{made(a, 1), made(a, 2)}) {
		t.Errorf("the outer group has %v", got)
	}
	if n := d.want(t, 200, "GET", "/Users", nil).at("totalResults"); n != 3.0 {
		t.Errorf("there are %v users, want 3", n)
	}
	isError(t, d.do(t, "POST", "/Bulk", object{"Operations": []object{}}), 400, "invalidSyntax")
}
