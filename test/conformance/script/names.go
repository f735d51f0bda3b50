package script

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// URNs are the names that every script can use.
var URNs = Names{
	"User":          "urn:ietf:params:scim:schemas:core:2.0:User",
	"Group":         "urn:ietf:params:scim:schemas:core:2.0:Group",
	"Enterprise":    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
	"Config":        "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
	"ResourceType":  "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
	"Schema":        "urn:ietf:params:scim:schemas:core:2.0:Schema",
	"ListResponse":  "urn:ietf:params:scim:api:messages:2.0:ListResponse",
	"SearchRequest": "urn:ietf:params:scim:api:messages:2.0:SearchRequest",
	"PatchOp":       "urn:ietf:params:scim:api:messages:2.0:PatchOp",
	"BulkRequest":   "urn:ietf:params:scim:api:messages:2.0:BulkRequest",
	"BulkResponse":  "urn:ietf:params:scim:api:messages:2.0:BulkResponse",
	"Error":         "urn:ietf:params:scim:api:messages:2.0:Error",
}

// Names is what {name} stands for.
type Names map[string]string

// NewNames returns the URNs and what the case's directory is called.
func NewNames(more Names) Names {
	n := maps.Clone(URNs)
	maps.Copy(n, more)
	return n
}

var placeholder = regexp.MustCompile(`\{[A-Za-z][\w.]*\}`)

// Fill replaces the names that are known; others stay.
func (n Names) Fill(s string) string { return n.fill(s, func(v string) string { return v }) }

// FillJSON is Fill inside the strings of a JSON text.
func (n Names) FillJSON(s string) string {
	return n.fill(s, func(v string) string {
		quoted, err := json.Marshal(v)
		if err != nil {
			return v
		}
		return string(quoted[1 : len(quoted)-1])
	})
}

func (n Names) fill(s string, write func(string) string) string {
	return placeholder.ReplaceAllStringFunc(s, func(p string) string {
		if v, ok := n[p[1:len(p)-1]]; ok {
			return write(v)
		}
		return p
	})
}

// hex are the digits of a percent-encoded byte.
const hex = "0123456789ABCDEF"

// encode writes what a URL cannot hold as it stands in a script: blanks, quotes
// and what is not ASCII. Everything else is sent as written, "+" and "%" too.
func encode(path string) string {
	path, query, asks := strings.Cut(path, "?")
	if !asks {
		return path
	}
	var b strings.Builder
	b.WriteString(path + "?")
	for i := range len(query) {
		c := query[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}#[]", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// merge lays the members of one JSON object over another's.
func merge(base, over string) (string, error) {
	if over == "" {
		return base, nil
	}
	var b, o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(base), &b); err != nil {
		return "", err
	}
	if err := json.Unmarshal([]byte(over), &o); err != nil {
		return "", fmt.Errorf("%s is no JSON object: %w", over, err)
	}
	maps.Copy(b, o)
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(b)) {
		key, err := json.Marshal(k)
		if err != nil {
			return "", err
		}
		parts = append(parts, string(key)+":"+string(b[k]))
	}
	return "{" + strings.Join(parts, ",") + "}", nil
}
