package linearizability_test

import (
	"net/http"
	"testing"

	"github.com/anishathalye/porcupine"
)

// line is an operation of a made-up history.
func line(client int, from, to int64, in input, out *output) porcupine.Operation {
	op := porcupine.Operation{ClientId: client, Input: in, Call: from, Return: to}
	if out != nil {
		op.Output = out
	}
	return op
}

const never = 1 << 62

func ok(o output) *output {
	o.status = http.StatusOK
	return &o
}

// TestModel has the checker accept what a directory can show, and refuse what it
// cannot.
func TestModel(t *testing.T) {
	t.Parallel()
	made := line(0, 1, 2, input{op: "create", name: "u", title: "1"}, &output{status: 201, id: "a", name: "u", title: "1"})
	change := func(from, to int64, out *output) porcupine.Operation {
		return line(1, from, to, input{op: "patch", id: "a", title: "2"}, out)
	}
	changed := ok(output{id: "a", name: "u", title: "2"})
	get := func(from, to int64, title string) porcupine.Operation {
		return line(2, from, to, input{op: "get", id: "a"}, ok(output{id: "a", name: "u", title: title}))
	}
	find := func(from, to int64, id, title string) porcupine.Operation {
		return line(3, from, to, input{op: "find", name: "u"}, ok(output{id: id, name: "u", title: title}))
	}
	gone := line(1, 3, 4, input{op: "delete", id: "a"}, &output{status: 204})
	join := func(from, to int64, id string) porcupine.Operation {
		return line(4, from, to, input{op: "join", id: id}, &output{status: 204})
	}
	members := func(from, to int64, ids ...string) porcupine.Operation {
		return line(5, from, to, input{op: "group"}, ok(output{members: ids}))
	}
	tests := []struct {
		name string
		list []porcupine.Operation
		want porcupine.CheckResult
	}{
		{"a read during a write shows either", []porcupine.Operation{made, change(3, 6, changed), get(4, 5, "1"), get(5, 7, "2")}, porcupine.Ok},
		{"a stale read", []porcupine.Operation{made, change(3, 4, changed), get(5, 6, "1")}, porcupine.Illegal},
		{"a stale filter", []porcupine.Operation{made, change(3, 4, changed), find(5, 6, "a", "1")}, porcupine.Illegal},
		{"back in time", []porcupine.Operation{made, change(3, 9, changed), get(4, 5, "2"), get(6, 7, "1")}, porcupine.Illegal},
		{"a write without an answer may show late", []porcupine.Operation{made, change(3, never, nil), get(5, 6, "1"), get(7, 8, "2")}, porcupine.Ok},
		{"or never", []porcupine.Operation{made, change(3, never, nil), get(5, 6, "1")}, porcupine.Ok},
		{"but does not go away again", []porcupine.Operation{made, change(3, never, nil), get(5, 6, "2"), get(7, 8, "1")}, porcupine.Illegal},
		{"a lost write", []porcupine.Operation{made, change(3, 4, changed), line(2, 5, 6, input{op: "patch", id: "a", title: "3"}, ok(output{id: "a", name: "u", title: "3"})), get(7, 8, "2")}, porcupine.Illegal},
		{"two under one name", []porcupine.Operation{made, line(1, 3, 4, input{op: "create", name: "u", title: "2"}, &output{status: 201, id: "b", name: "u", title: "2"})}, porcupine.Illegal},
		{"a refusal without a cause", []porcupine.Operation{made, line(1, 3, 4, input{op: "create", name: "v", title: "2"}, &output{status: 409})}, porcupine.Illegal},
		{"deleted, but found", []porcupine.Operation{made, gone, find(5, 6, "a", "1")}, porcupine.Illegal},
		{"a creation without an answer is found under its id", []porcupine.Operation{line(0, 1, never, made.Input.(input), nil), find(3, 4, "a", "1"), get(5, 6, "1")}, porcupine.Ok},
		{"but has one id only", []porcupine.Operation{line(0, 1, never, made.Input.(input), nil), find(3, 4, "a", "1"), find(5, 6, "b", "1")}, porcupine.Illegal},
		{"a version that is not the last", []porcupine.Operation{made, change(3, 4, changed), line(2, 5, 6, input{op: "patch-if", id: "a", seen: "1", title: "3"}, ok(output{id: "a", name: "u", title: "3"}))}, porcupine.Illegal},
		{"a version that is", []porcupine.Operation{made, change(3, 4, changed), line(2, 5, 6, input{op: "patch-if", id: "a", seen: "2", title: "3"}, ok(output{id: "a", name: "u", title: "3"}))}, porcupine.Ok},
		{"a lost member", []porcupine.Operation{made, join(3, 4, "a"), members(5, 6)}, porcupine.Illegal},
		{"a member shows at the user too", []porcupine.Operation{made, join(3, 4, "a"), get(5, 6, "1")}, porcupine.Illegal},
		{"groups of before, told behind", []porcupine.Operation{made, join(3, 4, "a"), line(0, 5, 6, input{op: "groups", id: "a"}, ok(output{}))}, porcupine.Illegal},
		{"a deleted member leaves", []porcupine.Operation{made, join(3, 4, "a"), line(1, 5, 6, gone.Input.(input), &output{status: 204}), members(7, 8, "a")}, porcupine.Illegal},
		{"who comes back joins the groups that wait", []porcupine.Operation{
			made, gone, join(5, 6, "a"), members(7, 8),
			line(0, 9, 10, input{op: "create", name: "u", title: "2"}, &output{status: 201, id: "b", name: "u", title: "2"}), line(0, 9, 10, input{op: "groups", id: "b"}, ok(output{groups: []int{0}})), members(11, 12, "b"),
		}, porcupine.Ok},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := porcupine.CheckOperationsTimeout(model, tt.list, patience); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
