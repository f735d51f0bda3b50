package bulk

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Role says what a step is for.
type Role uint8

// The roles.
const (
	// Main does what its operation asks for.
	Main Role = iota
	// Completion adds to what a Main step made the references that were not
	// known yet. It is decided only if that step succeeded.
	Completion
	// Undo removes what a Main step made if its Completion failed: an operation
	// succeeds or fails as a whole.
	Undo
)

// Step is one write.
type Step struct {
	// Op is the index of the operation that the step belongs to.
	Op   int
	Role Role
	// Of is the index of the step that a Completion completes, or whose failure an
	// Undo makes up for.
	Of int
	// Defines is the name under which later steps refer to what this one makes;
	// Needs are the names that this one refers to.
	Defines string
	Needs   []string

	Method       string
	Endpoint, ID string
	Data         map[string]any
	Version      string
	Err          error
}

// Plan returns the steps of the operations, in the order in which they are to be
// decided. Operations keep their order, but for those that change something and
// refer to what is made only later: they follow that.
//
// Data with references that are to be added later is a copy; other data is
// shared with the operations.
func Plan(ops []Operation, kinds map[string]*schema.Resource) []Step {
	p := planner{kinds: kinds, made: map[string]int{}, behind: map[int][]func(){}}
	for i, op := range ops {
		if op.Method == Post && op.BulkID != "" {
			p.made[op.BulkID] = i
		}
	}
	for i, op := range ops {
		p.add(i, op)
		for _, then := range p.behind[i] {
			then()
		}
	}
	return p.steps
}

type planner struct {
	kinds map[string]*schema.Resource
	made  map[string]int // bulkId -> the operation that makes it
	// behind holds what is to be planned once an operation is.
	behind map[int][]func()
	steps  []Step
}

func (p *planner) add(i int, op Operation) {
	s := Step{Op: i, Method: op.Method, Endpoint: op.Endpoint, ID: op.ID, Data: op.Data, Version: op.Version, Err: op.Err}
	if s.Err != nil {
		p.emit(s)
		return
	}
	last := -1
	needs := map[string]bool{}
	note := func(name string) {
		at, ok := p.made[name]
		if !ok && s.Err == nil {
			s.Err = fault.New(fault.Invalid, "%s%s is not the bulkId of an operation that creates something.", Prefix, clip(name)).Because(fault.InvalidValue)
		}
		needs[name] = true
		last = max(last, at)
	}
	References(s.ID, note)
	References(anyOf(s.Data), note)
	s.Needs = slices.Sorted(maps.Keys(needs))
	switch {
	case s.Err != nil:
		p.emit(s)
	case s.Method == Post:
		p.create(s, op.BulkID, last)
	case last > i:
		p.behind[last] = append(p.behind[last], func() { p.emit(s) })
	default:
		p.emit(s)
	}
}

// create plans a POST whose last reference is to the operation last.
func (p *planner) create(s Step, bulkID string, last int) {
	s.Defines = bulkID
	if last < s.Op {
		p.emit(s)
		return
	}
	later := func(v any) bool {
		found := false
		References(v, func(name string) { found = found || p.made[name] >= s.Op })
		return found
	}
	rest, operations := split(p.kinds[s.Endpoint], s.Data, later)
	if s.Defines == "" {
		s.Defines = "\x00" + strconv.Itoa(s.Op) // no client can send this name
	}
	s.Data, s.Needs = rest, slices.DeleteFunc(s.Needs, func(name string) bool { return p.made[name] >= s.Op })
	main := p.emit(s)
	then := func() {
		c := Step{
			Op: s.Op, Role: Completion, Of: main, Method: Patch, Endpoint: s.Endpoint, ID: Prefix + s.Defines,
			Data: map[string]any{"schemas": []any{scim.PatchOpURN}, "Operations": operations},
		}
		needs := map[string]bool{s.Defines: true}
		References(operations, func(name string) { needs[name] = true })
		c.Needs = slices.Sorted(maps.Keys(needs))
		completion := p.emit(c)
		p.emit(Step{Op: s.Op, Role: Undo, Of: completion, Method: Delete, Endpoint: s.Endpoint, ID: c.ID, Needs: []string{s.Defines}})
	}
	p.behind[last] = append(p.behind[last], then)
}

func (p *planner) emit(s Step) (at int) {
	p.steps = append(p.steps, s)
	return len(p.steps) - 1
}

// split takes what cannot be there yet out of the data of a creation: values of
// lists one by one, others as a whole. It returns the rest and the operations of
// a PATCH that puts it in.
func split(kind *schema.Resource, data map[string]any, later func(any) bool) (rest map[string]any, operations []any) {
	rest = maps.Clone(data)
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if !later(data[name]) {
			continue
		}
		urn, attribute := kind.Split(name)
		block, isBlock := data[name].(map[string]any)
		if urn != "" && attribute == "" && isBlock {
			var more []any
			rest[name], more = splitBlock(urn, block, later)
			operations = append(operations, more...)
			continue
		}
		var op any
		if rest[name], op = splitValue(name, data[name], later); rest[name] == nil {
			delete(rest, name)
		}
		operations = append(operations, op)
	}
	return rest, operations
}

func splitBlock(urn string, block map[string]any, later func(any) bool) (rest map[string]any, operations []any) {
	rest = maps.Clone(block)
	for _, name := range slices.Sorted(maps.Keys(block)) {
		if !later(block[name]) {
			continue
		}
		var op any
		if rest[name], op = splitValue(urn+":"+name, block[name], later); rest[name] == nil {
			delete(rest, name)
		}
		operations = append(operations, op)
	}
	return rest, operations
}

func splitValue(path string, v any, later func(any) bool) (rest, operation any) {
	if list, ok := v.([]any); ok {
		now := slices.DeleteFunc(slices.Clone(list), later)
		v = slices.DeleteFunc(slices.Clone(list), func(e any) bool { return !later(e) })
		if len(now) > 0 {
			rest = now
		}
	}
	return rest, map[string]any{"op": "add", "path": path, "value": v}
}

// anyOf keeps a nil map from becoming a value that is not nil.
func anyOf(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
