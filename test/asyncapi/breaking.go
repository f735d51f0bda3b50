package asyncapi

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Breaks returns, in words, what a program that was written for the document old
// cannot rely on any more with next: addresses and messages that are gone, and
// members of headers and bodies that are gone, of another form, or not always
// there any more. Additions break nobody. Both are documents as encoding/json
// reads them.
func Breaks(old, next map[string]any) []string {
	b := &breaks{old: old, next: next, seen: map[string]bool{}}
	was, is := child(old, "channels"), child(next, "channels")
	for _, name := range slices.Sorted(maps.Keys(was)) {
		a, z := child(was, name), child(is, name)
		if z == nil {
			b.add("channel %s is gone", name)
			continue
		}
		if !reflect.DeepEqual(a["address"], z["address"]) {
			b.add("channel %s is at %v, was at %v", name, z["address"], a["address"])
		}
		b.messages("channel "+name, child(a, "messages"), child(z, "messages"))
	}
	slices.Sort(b.list)
	return b.list
}

type breaks struct {
	old, next map[string]any
	list      []string
	seen      map[string]bool // pairs of schemas
}

func (b *breaks) add(text string, args ...any) { b.list = append(b.list, fmt.Sprintf(text, args...)) }

func (b *breaks) messages(at string, was, is map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(was)) {
		a, z := resolve(b.old, child(was, name)), resolve(b.next, child(is, name))
		if z == nil {
			b.add("%s has no message %s any more", at, name)
			continue
		}
		b.schema(name+" headers", child(a, "headers"), child(z, "headers"))
		b.schema(name, child(a, "payload"), child(z, "payload"))
	}
}

func (b *breaks) schema(at string, old, next map[string]any) {
	if from, to := old["$ref"], next["$ref"]; from != nil && to != nil {
		pair := fmt.Sprintf("%v|%v", from, to)
		if b.seen[pair] {
			return
		}
		b.seen[pair] = true
		text := fmt.Sprint(from)
		at = text[strings.LastIndex(text, "/")+1:]
	}
	was, is := resolve(b.old, old), resolve(b.next, next)
	for _, k := range []string{"type", "format", "const", "pattern"} {
		if was[k] != nil && !reflect.DeepEqual(was[k], is[k]) {
			b.add("%s has the %s %v, had %v", at, k, is[k], was[k])
			return
		}
	}
	must := values(is["required"])
	for _, name := range values(was["required"]) {
		if !slices.Contains(must, name) {
			b.add("%s does not always have the member %v any more", at, name)
		}
	}
	members := child(is, "properties")
	for name := range child(was, "properties") {
		if members[name] == nil {
			b.add("%s has no member %s any more", at, name)
			continue
		}
		b.schema(at+"."+name, child(child(was, "properties"), name), child(members, name))
	}
	for mark, k := range map[string]string{"[]": "items", "{}": "additionalProperties"} {
		if a := child(was, k); a != nil {
			b.schema(at+mark, a, child(is, k))
		}
	}
}

// child returns the object that is a member of another, nil if there is none.
func child(o map[string]any, name string) map[string]any {
	c, _ := o[name].(map[string]any)
	return c
}

func values(v any) []any {
	list, _ := v.([]any)
	return list
}

// resolve follows a reference within a document.
func resolve(doc, o map[string]any) map[string]any {
	path, ok := o["$ref"].(string)
	if !ok {
		return o
	}
	for _, name := range strings.Split(strings.TrimPrefix(path, "#/"), "/") {
		doc = child(doc, name)
	}
	return doc
}
