package differential_test

import (
	"strings"
	"unicode"
)

// attribute is one row of the simple evaluators' own table of RFC 7643. The
// zero values are the RFC's defaults: one value, readWrite, case-insensitive.
type attribute struct {
	name string
	typ  string // string if empty
	many bool
	// exact texts are compared with case. Binaries and references always are
	// (RFC 7643 sections 2.3.6 and 2.3.7).
	exact              bool
	required, readOnly bool
	subs               []attribute
}

func (a attribute) caseExact() bool {
	return a.exact || a.typ == "binary" || a.typ == "reference"
}

func (a attribute) sub(name string) *attribute { return named(a.subs, name) }

func named(list []attribute, name string) *attribute {
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

// kind is a kind of resource.
type kind struct {
	urn        string
	core       []attribute
	extensions []extension
}

type extension struct {
	urn        string
	attributes []attribute
}

const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	acmeURN       = "urn:acme:params:scim:schemas:extension:Staff:1.0:User"
)

// common are the attributes of every resource (RFC 7643 section 3.1).
var common = []attribute{
	{name: "id", exact: true, readOnly: true},
	{name: "schemas", typ: "reference", many: true, readOnly: true},
	{name: "meta", typ: "complex", readOnly: true, subs: []attribute{
		{name: "resourceType", exact: true},
		{name: "created", typ: "dateTime"},
		{name: "lastModified", typ: "dateTime"},
		{name: "location", typ: "reference"},
		{name: "version", exact: true},
	}},
}

func plural(name, value string) attribute {
	return attribute{name: name, typ: "complex", many: true, subs: []attribute{
		{name: "value", typ: value}, {name: "display"}, {name: "type"}, {name: "primary", typ: "boolean"},
	}}
}

// user has the core's attributes, the enterprise's, and an extension of a
// customer that has one attribute of every type.
var user = kind{
	urn: userURN,
	core: []attribute{
		{name: "externalId", exact: true},
		{name: "userName", required: true},
		{name: "name", typ: "complex", subs: []attribute{
			{name: "formatted"}, {name: "familyName"}, {name: "givenName"}, {name: "middleName"}, {name: "honorificPrefix"}, {name: "honorificSuffix"},
		}},
		{name: "displayName"},
		{name: "nickName"},
		{name: "profileUrl", typ: "reference"},
		{name: "title"},
		{name: "userType"},
		{name: "preferredLanguage"},
		{name: "locale"},
		{name: "timezone"},
		{name: "active", typ: "boolean"},
		plural("emails", "string"), plural("phoneNumbers", "string"), plural("ims", "string"), plural("photos", "reference"),
		{name: "addresses", typ: "complex", many: true, subs: []attribute{
			{name: "formatted"},
			{name: "streetAddress"},
			{name: "locality"},
			{name: "region"},
			{name: "postalCode"},
			{name: "country"},
			{name: "type"},
			{name: "primary", typ: "boolean"},
		}},
		{name: "groups", typ: "complex", many: true, readOnly: true, subs: []attribute{
			{name: "value", exact: true}, {name: "$ref", typ: "reference"}, {name: "display"}, {name: "type"},
		}},
		plural("entitlements", "string"), plural("roles", "string"), plural("x509Certificates", "binary"),
	},
	extensions: []extension{
		{enterpriseURN, []attribute{
			{name: "employeeNumber"},
			{name: "costCenter"},
			{name: "organization"},
			{name: "division"},
			{name: "department"},
			{name: "manager", typ: "complex", subs: []attribute{{name: "value", exact: true}, {name: "$ref", typ: "reference"}, {name: "displayName"}}},
		}},
		{acmeURN, []attribute{
			{name: "badge", typ: "integer"},
			{name: "height", typ: "decimal"},
			{name: "hired", typ: "dateTime"},
			{name: "remote", typ: "boolean"},
			{name: "fingerprint", typ: "binary"},
			{name: "page", typ: "reference"},
			{name: "code", exact: true},
			{name: "skills", many: true},
			{name: "lockers", typ: "integer", many: true},
			{name: "desk", typ: "complex", subs: []attribute{{name: "floor", typ: "integer"}, {name: "room"}, {name: "since", typ: "dateTime"}}},
			{name: "keys", typ: "complex", many: true, subs: []attribute{
				{name: "value", exact: true}, {name: "type"}, {name: "count", typ: "integer"}, {name: "issued", typ: "dateTime"}, {name: "primary", typ: "boolean"},
			}},
		}},
	},
}

var group = kind{
	urn: groupURN,
	core: []attribute{
		{name: "externalId", exact: true},
		{name: "displayName", required: true},
		{name: "members", typ: "complex", many: true, subs: []attribute{
			{name: "value", exact: true}, {name: "$ref", typ: "reference"}, {name: "type"}, {name: "display"},
		}},
	},
}

// folded is text for comparing without case: every letter stands for all that
// differ from it by case only (simple folding of Unicode, one letter for one),
// in lower case if it is one of ASCII.
func folded(s string) string {
	out := []rune(s)
	for i, r := range out {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if least <= unicode.MaxASCII {
			least = unicode.ToLower(least)
		}
		out[i] = least
	}
	return string(out)
}

// get reads a member of an object whatever the case of its name.
func get(m map[string]any, name string) any {
	if v, ok := m[name]; ok {
		return v
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}
