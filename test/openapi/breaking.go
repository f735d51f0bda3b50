package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Breaks returns, in words, what a program that was written for old cannot rely
// on any more with next: routes, parameters and members of answers that are gone
// or of another form; parameters and members of requests that must be there now;
// values of enums that are gone. Additions break nobody.
func Breaks(old, next *openapi3.T) []string {
	b := &breaks{seen: map[string]bool{}}
	for _, path := range slices.Sorted(maps.Keys(old.Paths.Map())) {
		was, is := old.Paths.Value(path), next.Paths.Value(path)
		for method, op := range was.Operations() {
			at := method + " " + path
			if is == nil || is.GetOperation(method) == nil {
				b.add(at, "is gone")
				continue
			}
			b.operation(at, op, is.GetOperation(method))
		}
	}
	slices.Sort(b.list)
	return b.list
}

type breaks struct {
	list []string
	seen map[string]bool // pairs of schemas, which may refer to themselves
}

func (b *breaks) add(at, what string, args ...any) {
	b.list = append(b.list, at+" "+fmt.Sprintf(what, args...))
}

func (b *breaks) operation(at string, old, next *openapi3.Operation) {
	if old.OperationID != next.OperationID {
		b.add(at, "is called %s, was %s", next.OperationID, old.OperationID)
	}
	for _, p := range old.Parameters {
		q := next.Parameters.GetByInAndName(p.Value.In, p.Value.Name)
		if q == nil {
			b.add(at, "takes no parameter %s any more", p.Value.Name)
			continue
		}
		b.schema(at+" parameter "+p.Value.Name, p.Value.Schema, q.Schema, true)
	}
	for _, q := range next.Parameters {
		p := old.Parameters.GetByInAndName(q.Value.In, q.Value.Name)
		if q.Value.Required && (p == nil || !p.Required) {
			b.add(at, "needs the parameter %s now", q.Value.Name)
		}
	}
	b.request(at, old.RequestBody, next.RequestBody)
	for status, was := range old.Responses.Map() {
		is := next.Responses.Value(status)
		if is == nil {
			b.add(at, "is not answered with %s any more", status)
			continue
		}
		b.content(at+" answer "+status, was.Value.Content, is.Value.Content, false)
	}
}

func (b *breaks) request(at string, old, next *openapi3.RequestBodyRef) {
	switch {
	case old == nil && next == nil:
	case old == nil:
		if next.Value.Required {
			b.add(at, "needs a body now")
		}
	case next == nil:
		b.add(at, "takes no body any more")
	default:
		if next.Value.Required && !old.Value.Required {
			b.add(at, "needs a body now")
		}
		b.content(at+" body", old.Value.Content, next.Value.Content, true)
	}
}

func (b *breaks) content(at string, old, next openapi3.Content, request bool) {
	for kind, was := range old {
		is := next[kind]
		if is == nil {
			b.add(at, "is not %s any more", kind)
			continue
		}
		b.schema(at, was.Schema, is.Schema, request)
	}
}

// schema compares two forms; those of requests may not ask for more.
func (b *breaks) schema(at string, old, next *openapi3.SchemaRef, request bool) {
	if old == nil || next == nil {
		if old != nil {
			b.add(at, "has no form any more")
		}
		return
	}
	if old.Ref != "" && next.Ref != "" {
		pair := fmt.Sprintf("%s|%s|%v", old.Ref, next.Ref, request)
		if b.seen[pair] {
			return
		}
		b.seen[pair] = true
		at = old.Ref[strings.LastIndex(old.Ref, "/")+1:]
	}
	was, is := old.Value, next.Value
	if a, z := fmt.Sprint(was.Type.Slice()), fmt.Sprint(is.Type.Slice()); a != z || was.Format != is.Format {
		b.add(at, "is %s %s, was %s %s", z, is.Format, a, was.Format)
		return
	}
	for _, v := range was.Enum {
		if !slices.Contains(is.Enum, v) && len(is.Enum) > 0 {
			b.add(at, "has no value %v any more", v)
		}
	}
	if request && len(was.Enum) == 0 && len(is.Enum) > 0 {
		b.add(at, "takes only some values now")
	}
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		if is.Properties[name] == nil {
			b.add(at, "has no member %s any more", name)
			continue
		}
		b.schema(at+"."+name, was.Properties[name], is.Properties[name], request)
	}
	for _, name := range is.Required {
		if request && !slices.Contains(was.Required, name) {
			b.add(at, "needs the member %s now", name)
		}
	}
	b.schema(at+"[]", was.Items, is.Items, request)
	if was.AdditionalProperties.Schema != nil {
		b.schema(at+"{}", was.AdditionalProperties.Schema, is.AdditionalProperties.Schema, request)
	}
}
