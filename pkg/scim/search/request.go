package search

import (
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// RequestURN is the schema of a SearchRequest (RFC 7644 section 3.4.3).
const RequestURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// Request is a whole request for a list: the query, and which attributes of the
// resources to answer with.
type Request struct {
	Parameters
	Attributes, Excluded []string
}

// FromQuery reads the parameters of a GET (RFC 7644 section 3.4.2).
//
// Errors: Invalid with the reason invalidValue, or invalidCount beside a cursor.
func FromQuery(values url.Values) (Request, error) {
	q := Request{
		Parameters: Parameters{Filter: values.Get("filter"), SortBy: values.Get("sortBy"), SortOrder: values.Get("sortOrder")},
		Attributes: split(values.Get("attributes")), Excluded: split(values.Get("excludedAttributes")),
	}
	if values.Has("cursor") {
		c := values.Get("cursor")
		q.Cursor = &c
	}
	for name, to := range q.numbers() {
		if s := strings.TrimSpace(values.Get(name)); s != "" {
			n, ok := whole(s)
			if !ok {
				return Request{}, q.notWhole(name)
			}
			*to = &n
		}
	}
	return q, nil
}

// FromBody reads a SearchRequest.
//
// Errors: Invalid with the reason invalidSyntax, invalidValue or invalidCount, or
// what rd refuses.
func FromBody(rd *lenience.Reading, body []byte) (Request, error) {
	m, err := scim.Object(rd, body)
	if err != nil {
		return Request{}, err
	}
	urns, given, err := scim.ListedSchemas(rd, m)
	if err == nil && given && !urns[strings.ToLower(RequestURN)] {
		err = rd.Tolerate(lenience.WrongSchemas, "schemas")
	}
	if err != nil {
		return Request{}, err
	}
	var q Request
	for name, to := range map[string]*string{"filter": &q.Filter, "sortBy": &q.SortBy, "sortOrder": &q.SortOrder} {
		if v := m[schema.Spelled(m, name)]; v != nil {
			s, ok := v.(string)
			if !ok {
				return Request{}, fault.New(fault.Invalid, "%s must be a string.", name).Because(fault.InvalidValue)
			}
			*to = s
		}
	}
	if v := m[schema.Spelled(m, "cursor")]; v != nil {
		s, ok := v.(string)
		if !ok {
			return Request{}, fault.New(fault.Invalid, "cursor must be a string.").Because(fault.InvalidCursor)
		}
		q.Cursor = &s
	}
	for name, to := range q.numbers() {
		n, given, err := q.number(rd, name, m[schema.Spelled(m, name)])
		if err != nil {
			return Request{}, err
		}
		if given {
			*to = &n
		}
	}
	for name, to := range map[string]*[]string{"attributes": &q.Attributes, "excludedAttributes": &q.Excluded} {
		if *to, err = namesIn(rd, name, m[schema.Spelled(m, name)]); err != nil {
			return Request{}, err
		}
	}
	return q, nil
}

func (q *Request) numbers() map[string]**int {
	return map[string]**int{"startIndex": &q.StartIndex, "count": &q.Count}
}

func (q *Request) number(rd *lenience.Reading, name string, v any) (n int, given bool, err error) {
	switch v := v.(type) {
	case nil:
		return 0, false, nil
	case json.Number:
		if n, ok := whole(v.String()); ok {
			return n, true, nil
		}
	case string:
		if n, ok := whole(strings.TrimSpace(v)); ok {
			return n, true, rd.Tolerate(lenience.StringNumber, name)
		}
	}
	return 0, false, q.notWhole(name)
}

func (q *Request) notWhole(name string) error {
	reason := fault.InvalidValue
	if name == "count" && q.Cursor != nil {
		reason = fault.InvalidCount
	}
	return fault.New(fault.Invalid, "%s must be a whole number.", name).Because(reason)
}

// whole reads a whole number. One that no int holds is as good as the greatest.
func whole(s string) (n int, ok bool) {
	n, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrRange) {
		return n, true // Atoi answers the nearest
	}
	if err != nil {
		f, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return 0, false
		}
		return int(f), true // 1e2 is a whole number in JSON
	}
	return n, true
}

// namesIn reads a list of attributes.
func namesIn(rd *lenience.Reading, name string, v any) ([]string, error) {
	var out []string
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return split(v), rd.Tolerate(lenience.SingleForList, name)
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fault.New(fault.Invalid, "%s must be a list of strings.", name).Because(fault.InvalidValue)
			}
			out = append(out, split(s)...)
		}
		return out, nil
	}
	return nil, fault.New(fault.Invalid, "%s must be a list of strings.", name).Because(fault.InvalidValue)
}

func split(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return strings.Split(s, ",")
}
