// Package provider is what Rollcall knows of identity providers: one Profile
// each, as data. Nothing else in Rollcall asks which provider it talks to.
//
//	p := provider.Of(dir.Provider)            // what answers look like
//	p = provider.Detect(dir.Provider, facts)  // what a request was, for the sync log
//	p.Expects(lenience.StringBoolean)
//
// A profile says how an admin connects the provider, what it sends, which
// deviations from the RFCs it is known for, and what its answers should be. It
// never decides what is understood: every directory understands all of
// pkg/scim/lenience, since admins choose the wrong provider, and providers
// change.
//
// The pages in deployments/docs/providers are made of the profiles, and a test
// holds them together.
//
// What must not live here: reading SCIM (pkg/scim), deciding (pkg/directory).
package provider

import (
	"slices"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// ID names a profile. It is stored in the sync log, so it never changes.
type ID string

// The profiles.
const (
	Generic   ID = "generic"
	Okta      ID = "okta"
	Entra     ID = "entra"
	EntraFlag ID = "entra-aadoptscim062020"
	Google    ID = "google"
	JumpCloud ID = "jumpcloud"
	OneLogin  ID = "onelogin"
	PingOne   ID = "pingone"
)

// Evidence says how well a profile is known.
type Evidence string

// From best to worst.
const (
	Documented Evidence = "the vendor's documents and public reports of its requests"
	Several    Evidence = "the documents and the sources of several such clients"
	Partly     Evidence = "the vendor's documents, which leave the exact requests open"
	Inferred   Evidence = "hints only; the vendor publishes no requests"
)

// Profile is one provider, or one way in which a provider speaks.
type Profile struct {
	ID   ID
	Name string
	// Directory is the directory_provider that stands for it; empty for Generic.
	Directory string
	Evidence  Evidence
	// Summary is a paragraph about it.
	Summary string

	// Setup are the steps in the provider's admin console. {url} and {secret} stand
	// for the directory's SCIM URL and its bearer secret.
	Setup []string
	// Mappings are the attributes that it sends unless an admin changes them.
	Mappings []Mapping
	// Matching are the filters by which it looks for a resource before it makes
	// one.
	Matching []string
	// Test is what its connection test asks.
	Test string
	// Users, Groups and Members say how it changes them; Leavers what it sends
	// when somebody is to go.
	Users, Groups, Members, Leavers string
	// Deviations are those that it is known for.
	Deviations []Deviation
	// Answers are what it is best answered with.
	Answers Answers
	// Rate is how many requests a second it should be allowed at least; 0: its
	// vendor names none.
	Rate int
	// Retries says what it does with an answer that is an error.
	Retries string
	// Limits are what does not work, and what to know.
	Limits []string
}

// Mapping is an attribute of the provider and where it arrives.
type Mapping struct{ From, To string }

// Deviation is one that is expected, and when it comes.
type Deviation struct {
	Cause lenience.Cause
	When  string
}

// Answers are how a provider is answered where the RFCs leave a choice.
type Answers struct {
	// UserPatch and GroupPatch say whether a PATCH is answered 200 with the
	// resource or 204 without (RFC 7644 section 3.5.2).
	UserPatch, GroupPatch Answer
	// ReadsMembers says whether it looks at the members in what it is answered.
	ReadsMembers bool
	// PageSize is how many resources a page has when it asks for no number.
	PageSize int
}

// Answer is what a successful PATCH gets.
type Answer string

// The answers.
const (
	WithBody    Answer = "200 with the resource"
	WithoutBody Answer = "204"
)

// Expects reports whether a deviation is one that the provider is known for.
func (p *Profile) Expects(cause lenience.Cause) bool {
	return slices.ContainsFunc(p.Deviations, func(d Deviation) bool { return d.Cause == cause })
}

// profiles are all, in the order in which people look for them.
var profiles = []*Profile{okta, entra, entraFlag, google, oneLogin, jumpCloud, pingOne, generic}

// All returns all profiles. They must not be changed.
func All() []*Profile { return slices.Clone(profiles) }

// Of returns the profile of a directory_provider: Generic for none and for those
// that have none of their own. Of the two ways in which Entra speaks it is the
// one that Entra speaks by default; in what they are answered they are the same.
func Of(directoryProvider string) *Profile {
	for _, p := range profiles {
		if p.Directory == directoryProvider && directoryProvider != "" {
			return p
		}
	}
	return generic
}

// Named returns the profile of an ID, Generic for one that is unknown.
func Named(id ID) *Profile {
	for _, p := range profiles {
		if p.ID == id {
			return p
		}
	}
	return generic
}
