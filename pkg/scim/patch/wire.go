package patch

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MarshalJSON writes the request for another process: its operations as they
// came, without passwords.
func (r Request) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(map[string]any{"operations": r.raw})
	return b.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON wrote. What the operations mean is read
// by For, with the kind that the resource has when they are applied.
//
// Errors: Unimplemented without operations, as a version would write it that has
// another form: doing nothing must not look like success.
func (r *Request) UnmarshalJSON(b []byte) error {
	var w struct {
		Operations []any `json:"operations"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&w); err != nil {
		return err
	}
	if len(w.Operations) == 0 {
		return fault.New(fault.Unimplemented, "This server does not know the form of this PATCH; upgrade it.")
	}
	*r = Request{raw: w.Operations}
	return nil
}

// withoutPasswords empties every password in operations, which then may be sent
// on.
func withoutPasswords(raw []any) {
	for _, o := range raw {
		op, ok := o.(map[string]any)
		if !ok {
			continue
		}
		path, _ := member(op, "path").(string)
		if path = strings.ToLower(strings.TrimSpace(path)); path == "password" || strings.HasSuffix(path, ":password") {
			if name := schema.Spelled(op, "value"); op[name] != nil {
				op[name] = ""
			}
		}
		redact(op)
	}
}

// redact empties whatever is called a password. A path-less key may be qualified
// by a URN.
func redact(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			redact(e)
		}
	case map[string]any:
		for name, e := range v {
			if n := strings.ToLower(name); n == "password" || strings.HasSuffix(n, ":password") {
				v[name] = ""
			} else {
				redact(e)
			}
		}
	}
}
