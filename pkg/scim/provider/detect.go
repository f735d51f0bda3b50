package provider

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Facts are what a request shows of its sender.
type Facts struct {
	Method string
	// Query is the raw query string.
	Query string
	// Body is the request's body; it need not be JSON.
	Body []byte
}

// flag is the parameter that admins add to the tenant URL to have Entra speak
// another dialect. Requests may or may not repeat it.
const flag = "aadoptscim062020"

// Detect returns the profile that a request of a directory was sent by. Only
// MICROSOFT_AD has more than one. Its request is of EntraFlag if the URL has the
// flag, or else if it is a PATCH in which some operation is of the flag's making
// and none of the other's:
//
//   - of the flag's making is an operation without a path, a removal of members
//     by a filter in the path, and a boolean that is one;
//   - of the other's is a boolean as text, a removal of members by a list of
//     values, and a member with a "$ref".
//
// Everything else, what both send and what cannot be read included, is Entra.
func Detect(directoryProvider string, f Facts) *Profile {
	p := Of(directoryProvider)
	if p != entra {
		return p
	}
	if strings.Contains(strings.ToLower(f.Query), flag) {
		return entraFlag
	}
	if f.Method == "PATCH" && ofFlag(f.Body) {
		return entraFlag
	}
	return entra
}

// ofFlag reports whether a PATCH was sent with the flag. The decoder takes names
// in any case, as providers send them.
func ofFlag(body []byte) bool {
	var patch struct {
		Operations []struct {
			Op    string
			Path  *string
			Value json.RawMessage
		}
	}
	if json.Unmarshal(body, &patch) != nil {
		return false
	}
	with := false
	for _, o := range patch.Operations {
		path := ""
		if o.Path != nil {
			path = strings.ToLower(*o.Path)
		}
		removal := strings.EqualFold(o.Op, "remove")
		value := bytes.TrimSpace(o.Value)
		switch {
		case isText(value, "true", "false"), removal && path == "members" && len(value) > 0, path == "members" && bytes.Contains(value, []byte(`"$ref"`)):
			return false
		case path == "", removal && strings.HasPrefix(path, "members["), string(value) == "true", string(value) == "false":
			with = true
		}
	}
	return with
}

// isText reports whether a value is one of the words as a JSON string, in any
// case.
func isText(value []byte, words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(string(value), `"`+w+`"`) {
			return true
		}
	}
	return false
}
