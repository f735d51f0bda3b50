package directory

import (
	"net/netip"
	"sync"

	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// settings are what a directory's row says, in the form in which requests and
// folds use it. They are worked out when somebody asks first, and shared by
// copies of the row of which these are the same.
type settings struct {
	once        sync.Once
	user, group *schema.Resource
	mapping     []Mapped
	networks    []netip.Prefix
}

func (r *Directory) settings() *settings {
	s := r.derived
	if s == nil { // a row that was not folded or read
		s = &settings{}
	}
	s.once.Do(func() {
		s.user, s.group, _ = kinds(r.Extensions) // checked when they were registered
		s.mapping = compileMapping(s.user, r.Mappings)
		s.networks, _ = parseNetworks(r.Networks) // likewise
	})
	return s
}

// Strict reports whether the directory refuses what its provider sends beside
// the RFCs, instead of understanding it.
func (r *Directory) Strict() bool { return r.Policy.Conformance == ConformanceStrict }

// Kinds returns the kinds of resource that the directory holds, with the
// extensions that are registered for it. They are shared: nobody changes them.
func (r *Directory) Kinds() (user, group *schema.Resource) {
	s := r.settings()
	return s.user, s.group
}

// Mapping returns the directory's attribute mapping by key, in the form in which
// it is applied. It is shared: nobody changes it.
func (r *Directory) Mapping() []Mapped { return r.settings().mapping }
