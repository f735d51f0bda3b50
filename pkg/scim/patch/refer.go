package patch

import "github.com/rollcallhq/rollcall/pkg/scim/bulk"

// Resolve returns the request with the references of a Bulk replaced by ids, in
// its values and in the filters of its paths. Its operations are read by For.
func (r Request) Resolve(resolve func(bulkID string) (id string, ok bool)) Request {
	raw, _ := bulk.Substitute(r.raw, resolve).([]any)
	return Request{raw: raw}
}
