package search_test

import (
	"math"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

func TestFromQuery(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		query  string
		want   search.Request
		reason fault.Reason
	}{
		"nothing": {},
		"all of it": {
			query: `filter=userName+eq+"a%26b"&sortBy=id&sortOrder=descending&startIndex=3&count=7&attributes=userName,emails&excludedAttributes=meta`,
			want: search.Request{
				Parameters: search.Parameters{Filter: `userName eq "a&b"`, SortBy: "id", SortOrder: "descending", StartIndex: ptr(3), Count: ptr(7)},
				Attributes: []string{"userName", "emails"}, Excluded: []string{"meta"},
			},
		},
		"the first page by cursor":         {query: "cursor", want: search.Request{Parameters: search.Parameters{Cursor: ptr("")}}},
		"the first page, with a sign":      {query: "cursor=&count=2", want: search.Request{Parameters: search.Parameters{Cursor: ptr(""), Count: ptr(2)}}},
		"a cursor":                         {query: "cursor=x-_", want: search.Request{Parameters: search.Parameters{Cursor: ptr("x-_")}}},
		"empty numbers":                    {query: "startIndex=&count=+"},
		"negative numbers":                 {query: "startIndex=-3&count=-1", want: search.Request{Parameters: search.Parameters{StartIndex: ptr(-3), Count: ptr(-1)}}},
		"numbers that no int holds":        {query: "startIndex=99999999999999999999&count=-99999999999999999999", want: search.Request{Parameters: search.Parameters{StartIndex: ptr(math.MaxInt), Count: ptr(math.MinInt)}}},
		"a count that is none":             {query: "count=ten", reason: fault.InvalidValue},
		"half a page":                      {query: "count=2.5", reason: fault.InvalidValue},
		"a start that is none":             {query: "startIndex=x", reason: fault.InvalidValue},
		"a count that is none by cursor":   {query: "cursor=&count=ten", reason: fault.InvalidCount},
		"a start that is none by cursor":   {query: "cursor=&startIndex=ten", reason: fault.InvalidValue},
		"names in another case are others": {query: "Filter=x&COUNT=3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			compareRequests(t, tt.want, tt.reason, func() (search.Request, error) { return search.FromQuery(values) })
		})
	}
}

func compareRequests(t *testing.T, want search.Request, reason fault.Reason, read func() (search.Request, error)) {
	t.Helper()
	got, err := read()
	if reason != "" {
		if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != reason {
			t.Errorf("%v, want %s", err, reason)
		}
		return
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestFromBody(t *testing.T) {
	t.Parallel()
	const urn = `"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`
	tests := map[string]struct {
		body      string
		want      search.Request
		deviation lenience.Cause // what a strict directory refuses
		reason    fault.Reason
	}{
		"nothing": {body: `{` + urn + `}`},
		"all of it": {
			body: `{` + urn + `,"filter":"userName eq \"a\"","sortBy":"id","sortOrder":"ascending","startIndex":3,"count":7,"attributes":["userName","emails"],"excludedAttributes":[],"cursor":"x"}`,
			want: search.Request{
				Parameters: search.Parameters{Filter: `userName eq "a"`, SortBy: "id", SortOrder: "ascending", StartIndex: ptr(3), Count: ptr(7), Cursor: ptr("x")},
				Attributes: []string{"userName", "emails"},
			},
		},
		"the first page by cursor": {body: `{` + urn + `,"cursor":""}`, want: search.Request{Parameters: search.Parameters{Cursor: ptr("")}}},
		"null is absent":           {body: `{` + urn + `,"cursor":null,"count":null,"filter":null,"attributes":null}`},
		"names in another case":    {body: `{` + urn + `,"FILTER":"id pr","Count":1}`, want: search.Request{Parameters: search.Parameters{Filter: "id pr", Count: ptr(1)}}},
		"a number in JSON's ways":  {body: `{` + urn + `,"count":1e2,"startIndex":2.0}`, want: search.Request{Parameters: search.Parameters{StartIndex: ptr(2), Count: ptr(100)}}},
		"what nobody knows":        {body: `{` + urn + `,"hat":[1]}`},

		"no schemas":           {body: `{"count":1}`, want: search.Request{Parameters: search.Parameters{Count: ptr(1)}}, deviation: lenience.MissingSchemas},
		"other schemas":        {body: `{"schemas":["x"],"count":1}`, want: search.Request{Parameters: search.Parameters{Count: ptr(1)}}, deviation: lenience.WrongSchemas},
		"a number as text":     {body: `{` + urn + `,"count":" 4 "}`, want: search.Request{Parameters: search.Parameters{Count: ptr(4)}}, deviation: lenience.StringNumber},
		"attributes as a text": {body: `{` + urn + `,"attributes":"a,b"}`, want: search.Request{Attributes: []string{"a", "b"}}, deviation: lenience.SingleForList},

		"no object":                      {body: `[]`, reason: fault.InvalidSyntax},
		"no JSON":                        {body: `{`, reason: fault.InvalidSyntax},
		"a filter that is no text":       {body: `{` + urn + `,"filter":{}}`, reason: fault.InvalidValue},
		"a count that is none":           {body: `{` + urn + `,"count":true}`, reason: fault.InvalidValue},
		"half a page":                    {body: `{` + urn + `,"count":2.5}`, reason: fault.InvalidValue},
		"a count that is none by cursor": {body: `{` + urn + `,"cursor":"","count":"x"}`, reason: fault.InvalidCount},
		"a cursor that is no text":       {body: `{` + urn + `,"cursor":1}`, reason: fault.InvalidCursor},
		"attributes that are no names":   {body: `{` + urn + `,"attributes":[1]}`, reason: fault.InvalidValue},
		"attributes that are no list":    {body: `{` + urn + `,"excludedAttributes":{}}`, reason: fault.InvalidValue},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rd := &lenience.Reading{}
			compareRequests(t, tt.want, tt.reason, func() (search.Request, error) { return search.FromBody(rd, []byte(tt.body)) })
			if tt.reason != "" {
				return
			}
			var got lenience.Cause
			for _, d := range rd.Deviations() {
				got = d.Cause
			}
			if got != tt.deviation {
				t.Errorf("deviations %v, want %q", rd.Deviations(), tt.deviation)
			}
			if _, err := search.FromBody(&lenience.Reading{Strict: true}, []byte(tt.body)); (err != nil) != (tt.deviation != "") {
				t.Errorf("a strict directory says %v", err)
			}
		})
	}
}
