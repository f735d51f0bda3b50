package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func mapped(key, otherwise string, sources ...string) events.AttributeMapping {
	return events.AttributeMapping{Key: key, Sources: sources, Default: otherwise}
}

func (s *stage) maps(list ...events.AttributeMapping) directory.Command {
	return directory.MapDirectoryAttributes{Organization: s.org, Directory: s.scope.Directory, Mappings: list}
}

func TestMapDirectoryAttributes(t *testing.T) {
	t.Parallel()
	changed := []events.Type{events.TypeDirectoryAttributesMapped}
	maps := func(list ...events.AttributeMapping) func(*stage) directory.Command {
		return func(s *stage) directory.Command { return s.maps(list...) }
	}
	given := func(list ...events.AttributeMapping) func(*stage) {
		return func(s *stage) { s.Must(s.t, s.maps(list...)) }
	}
	wrong := func(says ...string) *refused { return &refused{kind: fault.Invalid, says: says} }
	var many []events.AttributeMapping
	for i := range directory.MaxMappings + 1 {
		many = append(many, mapped(fmt.Sprint("k", i), "", "title"))
	}
	wide := make([]events.AttributeMapping, directory.MaxMappings)
	for i := range wide {
		wide[i] = mapped(fmt.Sprint("k", i), strings.Repeat("x", directory.MaxSource), "title", `title`+strings.Repeat(" ", 400))
		wide[i].Sources = append(wide[i].Sources, `emails[value eq "`+strings.Repeat("x", 400)+`"].value`)
	}
	good := mapped("badge", "none", "urn:acme:1.0:User:badge", "title")
	run(t, map[string]example{
		"nothing, as it is":           {when: maps()},
		"one":                         {when: maps(good), then: changed},
		"every kind of source":        {when: maps(mapped("a", "", "phone_number", `emails[type eq "work" and primary eq true].value`, "name.givenName", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter", "urn:acme:1.0:User")), then: changed},
		"an attribute of the payload": {when: maps(mapped("department", "", "title")), then: changed},
		"a default alone":             {when: maps(mapped("region", "eu")), then: changed},
		"the longest key":             {when: maps(mapped("k"+strings.Repeat("-", 31), "", "title")), then: changed},
		"as many as may be":           {when: maps(many[:directory.MaxMappings]...), then: changed},
		"again":                       {given: given(good), when: maps(good)},
		"again, with spaces":          {given: given(good), when: maps(mapped("badge", "none", " urn:acme:1.0:User:badge", "title\t"))},
		"another default":             {given: given(good), when: maps(mapped("badge", "", good.Sources...)), then: changed},
		"another order":               {given: given(good), when: maps(mapped("badge", "none", "title", "urn:acme:1.0:User:badge")), then: changed},
		"no more":                     {given: given(good), when: maps(), then: changed},
		"no key":                      {when: maps(mapped("", "", "title")), no: wrong("Attribute mapping 1", "key")},
		"a long key":                  {when: maps(mapped(strings.Repeat("k", 33), "", "title")), no: wrong("key")},
		"a strange key":               {when: maps(mapped("cost center", "", "title")), no: wrong("key")},
		"a key of two":                {when: maps(good, mapped("badge", "", "title")), no: wrong("Attribute mapping 2", "badge", "twice")},
		"what identifies":             {when: maps(mapped("email", "", "title")), no: wrong("email", "cannot be mapped")},
		"the groups":                  {when: maps(mapped("groups", "", "title")), no: wrong("groups", "cannot be mapped")},
		"nothing to map":              {when: maps(mapped("badge", "")), no: wrong("badge", "neither")},
		"an empty source":             {when: maps(mapped("badge", "x", " ")), no: wrong("source of badge")},
		"a broken path":               {when: maps(mapped("badge", "", "emails[type eq")), no: wrong("badge", "bracket")},
		"a path in words":             {when: maps(mapped("badge", "", "cost center")), no: wrong("badge", "cost center")},
		"part of a text":              {when: maps(mapped("badge", "", "title.x")), no: wrong("sub-attributes")},
		"the server's own":            {when: maps(mapped("badge", "", "meta.created")), no: wrong("meta")},
		"a password":                  {when: maps(mapped("badge", "", "urn:ietf:params:scim:schemas:core:2.0:User:PassWord")), no: wrong("not an attribute that can be mapped")},
		"six sources":                 {when: maps(mapped("badge", "", "a", "b", "c", "d", "e", "f")), no: wrong("badge", "6", "5")},
		"a long source":               {when: maps(mapped("badge", "", strings.Repeat("a", 513))), no: wrong("513")},
		"a long default":              {when: maps(mapped("badge", strings.Repeat("a", 513))), no: wrong("513")},
		"a default in another code":   {when: maps(mapped("badge", "\xff")), no: wrong("UTF-8")},
		"too many":                    {when: maps(many...), no: wrong("101", "100")},
		"too much in all":             {when: maps(wide...), no: wrong("65536")},
		"of another's": {when: func(s *stage) directory.Command {
			return directory.MapDirectoryAttributes{Organization: s.org, Directory: s.other.Directory}
		}, no: notFound},
	})
}

// TestMapping says that what is applied is ordered by key, so that the order in
// which attributes were mapped makes no difference, and that it follows the
// schemas: a bare name leads into an extension while that is registered.
func TestMapping(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Must(t, s.maps(mapped("site", "", "badge"), mapped("badge", "", "email", "badge")))
	urn := func() []string {
		var out []string
		for _, m := range s.directory().Mapping() {
			last := m.Sources[len(m.Sources)-1]
			out = append(out, m.Key+" "+last.Path.URN)
		}
		return out
	}
	for _, step := range []struct {
		do   directory.Command
		want []string
	}{
		{nil, []string{"badge ", "site "}},
		{s.register(extension("User", badges, `{"name":"badge"}`)), []string{"badge " + badges, "site " + badges}},
		{s.register(), []string{"badge ", "site "}},
	} {
		if step.do != nil {
			s.Must(t, step.do)
		}
		if diff := cmp.Diff(step.want, urn()); diff != "" {
			t.Errorf("after %T (-want +got):\n%s", step.do, diff)
		}
	}
}

// TestMappingFanout says when a change is applied to the users that are there:
// for each new mapping, and for new schemas where there is a mapping; a newer
// change takes over from one under way, and nothing of it outlives the directory.
func TestMappingFanout(t *testing.T) {
	t.Parallel()
	w, sc, _, users := crowd(t, 2*directory.FanoutBatch+1)
	maps := func(list ...events.AttributeMapping) directory.Outcome {
		return w.Must(t, directory.MapDirectoryAttributes{Organization: sc.Organization, Directory: sc.Directory, Mappings: list})
	}
	touched := func(out directory.Outcome, before directory.View) int {
		t.Helper()
		n := 0
		for _, e := range out.Events {
			keys, err := directory.Touched(before, e)
			if err != nil {
				t.Fatal(err)
			}
			n += len(keys)
		}
		return n
	}
	register := directory.RegisterDirectorySchemas{Organization: sc.Organization, Directory: sc.Directory, Extensions: []events.DirectoryExtension{extension("User", badges, `{"name":"badge"}`)}}
	before := w.Rows.Snapshot(directory.Empty{})
	if n := touched(w.Must(t, register), before); n != 0 || job(t, w) != nil {
		t.Errorf("schemas without a mapping touch %d users, job %v", n, job(t, w))
	}

	before = w.Rows.Snapshot(directory.Empty{})
	if n := touched(maps(mapped("badge", "", "title")), before); n != directory.FanoutBatch {
		t.Errorf("a mapping touches %d users at once, want %d", n, directory.FanoutBatch)
	}
	first := job(t, w)
	if first == nil || first.Kind != directory.FanoutAttributesMapped {
		t.Fatalf("the job is %+v", first)
	}
	w.Must(t, directory.ContinueFanout{Job: first.Job, After: first.After})
	maps(mapped("badge", "", "name"))
	second := job(t, w)
	if n := fanouts(t, w); second == nil || second.Job == first.Job || n != 1 {
		t.Fatalf("%d jobs are under way; behind %s it is %+v", n, first.Job, second)
	}
	if out := w.Must(t, directory.ContinueFanout{Job: first.Job, After: first.After}); len(out.Events) != 0 {
		t.Error("the job that was taken over goes on")
	}
	seen := map[directory.Key]int{}
	for k := range firstBatch(users, sc.Directory) {
		seen[k]++
	}
	for f := job(t, w); f != nil; f = job(t, w) {
		out, err := directory.Decide(w.Rows, directorytest.Request(directory.ContinueFanout{Job: f.Job, After: f.After}), w.Stamp())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			keys, err := directory.Touched(w.Rows, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				seen[k]++
			}
			if err := w.Fold(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, u := range users {
		if n := seen[directory.Make(directory.TableUser, sc.Directory, u)]; n != 1 {
			t.Fatalf("user %s is touched %d times", u, n)
		}
	}

	register.Extensions = nil
	w.Must(t, register)
	if f := job(t, w); f == nil || f.Kind != directory.FanoutAttributesMapped {
		t.Errorf("schemas under a mapping start %+v", f)
	}
	w.Must(t, directory.DisableDirectory{Organization: sc.Organization, Directory: sc.Directory})
	w.Must(t, directory.DeleteDirectory{Organization: sc.Organization, Directory: sc.Directory})
	if f := job(t, w); f == nil || f.Kind != directory.FanoutDirectoryDeleted || fanouts(t, w) != 1 {
		t.Errorf("behind the deletion the job is %+v of %d", f, fanouts(t, w))
	}
}

func firstBatch(users []string, dir string) map[directory.Key]bool {
	out := map[directory.Key]bool{}
	for _, u := range users[:directory.FanoutBatch] {
		out[directory.Make(directory.TableUser, dir, u)] = true
	}
	return out
}

func fanouts(t *testing.T, w *directorytest.World) int {
	t.Helper()
	n := 0
	scan(t, w.Rows, directory.TableFanout, func(directory.Key, directory.Row) { n++ })
	return n
}
