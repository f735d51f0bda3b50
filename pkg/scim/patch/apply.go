package patch

import (
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Target is the resource that operations are about.
type Target struct {
	// ID and Created are the server's, which a request may repeat but not change.
	// A zero Created is not known.
	ID      string
	Created time.Time
	// Groups returns the ids of the groups that a user is in, those that it is in
	// directly and those by way of others. It is asked only if a request repeats
	// them; nil if they are not known.
	Groups func() (direct, indirect []string, err error)
	// Attributes are the resource's attributes in canonical form.
	Attributes scim.Resource
}

// Apply returns the resource's attributes after the operations. It does not
// change the target, and the result shares nothing with ops, which may be
// applied again.
//
// Taking `active` away leaves it as it is: whoever was shut out must not come
// back in because a client stopped saying so. Members of groups are not applied
// here; SplitMembers takes them out.
//
// Errors: Invalid with the reason invalidValue, invalidPath, mutability or
// noTarget, or what rd refuses; TooLarge for more work than one request may
// cause.
func Apply(rd *lenience.Reading, kind *schema.Resource, t Target, ops []Op) (scim.Resource, error) {
	p := &patching{rd: rd, kind: kind, target: t, to: cloneMap(t.Attributes)}
	for _, op := range ops {
		if err := p.apply(op, false); err != nil {
			return nil, err
		}
	}
	p.settle()
	before := kind.Missing(t.Attributes)
	for _, path := range kind.Missing(p.to) {
		if !slices.Contains(before, path) { // what was missing before is not this request's doing
			return nil, fault.New(fault.Invalid, "%s is required and cannot be removed.", path).Because(fault.Mutability)
		}
	}
	if path := kind.Changed(t.Attributes, p.to, false); path != "" {
		return nil, fault.New(fault.Invalid, "%s is immutable: it has a value, which cannot be changed or removed.", path).Because(fault.Mutability)
	}
	return p.to, nil
}

// patching is an Apply under way.
type patching struct {
	work
	rd     *lenience.Reading
	kind   *schema.Resource
	target Target
	to     map[string]any
	// lists are the multi-valued attributes that were changed, by the URN of their
	// extension.
	lists map[list]bool
	// told are the descriptions of references that the request has set.
	told map[string]bool
}

type list struct {
	urn string
	a   *schema.Attribute
}

// apply applies an operation. keyed says that its path was a key of a path-less
// one.
func (p *patching) apply(op Op, keyed bool) error {
	if op.Path.Name != "" && !p.isBlock(&op) {
		return p.at(op, keyed)
	}
	// The whole resource, or a whole extension.
	urn := op.Path.URN
	if urn != "" {
		urn = p.spelled(p.to, urn)
	}
	if urn != "" && (op.Verb == Remove || op.Value == nil) {
		delete(p.to, urn)
		return nil
	}
	values, ok := op.Value.(map[string]any)
	if !ok {
		return fault.New(fault.Invalid, "value must be an object of attributes.").Because(fault.InvalidValue)
	}
	for _, name := range jsonvalue.Names(values) { // a map has no order, and the outcome must not depend on one
		if strings.TrimSpace(name) == "" {
			continue // nothing can be found under it again
		}
		path, err := key(p.rd, p.kind, urn, name)
		if err != nil {
			return err
		}
		if err := p.apply(Op{Verb: op.Verb, Path: path, Value: values[name]}, true); err != nil {
			return err
		}
	}
	return nil
}

// key reads a name in a path-less operation, or in the block of an extension, as
// a path.
func key(rd *lenience.Reading, kind *schema.Resource, urn, name string) (Path, error) {
	full := name
	if urn != "" {
		full = urn + ":" + name
	}
	path, err := ParsePath(rd, kind, full)
	switch {
	case err != nil && (fault.Of(err).Name != "" || strings.IndexByte(name, '[') >= 0):
		return path, err // refused by a rule of its own, or meant as a path
	case err != nil: // no path, so it is data like any other
		return Path{URN: urn, Name: name}, rd.Tolerate(lenience.UnknownPath, full)
	case path.Sub != "" || path.Filter != nil:
		return path, rd.Tolerate(lenience.DottedName, path.String())
	}
	if qualified := len(name) > 4 && strings.EqualFold(name[:4], "urn:"); qualified && (path.Attribute != nil || path.whole()) {
		return path, rd.Tolerate(lenience.QualifiedName, name)
	}
	return path, nil
}

// isBlock reports whether a path into an unregistered extension, which looks
// like urn:attr, means an extension as a whole: one that is there, or one that
// is set to an object. If so it makes the path say that.
func (p *patching) isBlock(op *Op) bool {
	path := op.Path
	if path.URN == "" || path.Attribute != nil || path.Filter != nil || path.Sub != "" || p.kind.Schema(path.URN) != nil {
		return false
	}
	full := p.spelled(p.to, path.URN+":"+path.Name)
	if _, there := p.to[full]; !there {
		if _, inside := p.to[p.spelled(p.to, path.URN)]; inside {
			return false
		}
		if _, isObject := op.Value.(map[string]any); !isObject || op.Verb == Remove {
			return false
		}
	}
	op.Path = Path{URN: full}
	return true
}

// spelled returns a name as an object has it already, whatever the case.
func (p *patching) spelled(m map[string]any, name string) string {
	if _, ok := m[name]; ok {
		return name
	}
	p.work += work(len(m) / 4)
	return schema.Spelled(m, name)
}

// open returns the name under which an extension's block is. If the extension was
// registered after the block was stored, it gets the registered spelling.
func (p *patching) open(urn string) string {
	name := p.spelled(p.to, urn)
	if name != urn && p.kind.Extension(urn) != nil {
		p.to[urn] = p.to[name]
		delete(p.to, name)
		return urn
	}
	return name
}

// settle brings the lists that were changed into canonical form. Only the end of
// a request can: one operation may set `primary`, the next the value.
func (p *patching) settle() {
	for l := range p.lists {
		to := p.to
		if l.urn != "" {
			to, _ = p.to[l.urn].(map[string]any)
		}
		have, ok := to[l.a.Name].([]any)
		if !ok {
			continue
		}
		if have = l.a.Distinct(slices.DeleteFunc(have, l.a.Hollow)); len(have) > 0 {
			to[l.a.Name] = have
			continue
		}
		if delete(to, l.a.Name); l.urn != "" && len(to) == 0 {
			delete(p.to, l.urn)
		}
	}
}

// at applies an operation to one attribute.
func (p *patching) at(op Op, keyed bool) error {
	if done, err := p.serverOwned(op, keyed); done || err != nil {
		return err
	}
	path, a := op.Path, op.Path.Attribute
	to, urn := p.to, ""
	if path.URN != "" {
		urn = p.open(path.URN)
		block, ok := p.to[urn].(map[string]any)
		if !ok {
			if op.Verb == Remove {
				return nil
			}
			block = map[string]any{}
			p.to[urn] = block
		}
		defer func() {
			if len(block) == 0 {
				delete(p.to, urn)
			}
		}()
		to = block
	}
	if err := p.spend(2 * weight(op.Value)); err != nil {
		return err
	}
	if a == nil {
		return p.opaque(to, op)
	}
	if urn != "" {
		respell(to, a)
	}
	if op.Verb == Replace && empty(op.Value) { // clears (RFC 7643 section 2.5)
		if op.Value == "" {
			if err := p.rd.Tolerate(lenience.EmptyString, path.String()); err != nil {
				return err
			}
		}
		op.Verb, op.Value = Remove, nil
	}
	switch {
	case a.MultiValued:
		if p.lists == nil {
			p.lists = map[list]bool{}
		}
		p.lists[list{urn, a}] = true
		return p.many(to, a, op)
	case path.Filter != nil:
		return fault.New(fault.Invalid, "%s has one value and takes no filter.", a.Path()).Because(fault.InvalidPath)
	}
	return p.single(to, a, op)
}

// respell gives an attribute that was stored before its extension was registered
// the schema's spelling.
func respell(block map[string]any, a *schema.Attribute) {
	if _, ok := block[a.Name]; ok {
		return
	}
	if name := schema.Spelled(block, a.Name); name != a.Name {
		block[a.Name] = block[name]
		delete(block, name)
	}
}

// empty reports whether a value stands for none. An empty object does not: it
// names no part to change.
func empty(v any) bool {
	_, isObject := v.(map[string]any)
	return !isObject && schema.Opaque(v) == nil
}

func set(to map[string]any, name string, v any) {
	if v == nil {
		delete(to, name)
		return
	}
	to[name] = v
}

func cloneMap(m map[string]any) map[string]any {
	c := make(map[string]any, len(m))
	for k, x := range m {
		c[k] = clone(x)
	}
	return c
}

// clone copies decoded JSON.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneMap(v)
	case []any:
		c := make([]any, len(v))
		for i, x := range v {
			c[i] = clone(x)
		}
		return c
	}
	return v
}
