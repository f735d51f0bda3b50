package directory

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// How long links and the sessions that they open last, from the wire reference
// section 12, and how many of both an organization has at most.
const (
	PortalLinkLife       = time.Minute
	SharedPortalLinkLife = 7 * 24 * time.Hour
	PortalSessionLife    = 6 * time.Hour
	MaxPortalLinks       = 200
)

// PortalLink lets somebody into an organization's portal, once. When it was used
// it is the session.
type PortalLink struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization"`
	Revision     uint64    `json:"revision"`
	Hash         []byte    `json:"hash"`
	Features     []string  `json:"features,omitempty"`
	Shared       bool      `json:"shared,omitempty"`
	Created      time.Time `json:"created"`
	// Until is when the link, or the session, ends.
	Until time.Time `json:"until"`
	// Session is the SHA-256 of the session's secret; none: the link was not used.
	Session []byte `json:"session,omitempty"`
}

func (*PortalLink) row() {}

// LiveAt reports whether the link, or the session, lasts at a time.
func (r *PortalLink) LiveAt(t time.Time) bool { return t.Before(r.Until) }

type (
	// CreatePortalLink makes a link by its secret's SHA-256.
	CreatePortalLink struct {
		Organization string   `json:"organization"`
		Hash         []byte   `json:"hash"`
		Features     []string `json:"features,omitempty"`
		Shared       bool     `json:"shared,omitempty"`
	}
	// RedeemPortalLink turns a link into a session. Of several that do so at a
	// time one wins, since the log has one order.
	RedeemPortalLink struct {
		ID      string `json:"id"`
		Hash    []byte `json:"hash"`
		Session []byte `json:"session"`
	}
	// DeletePortalLinks ends one link of an organization, or all if ID is empty,
	// with the sessions that they opened.
	DeletePortalLinks struct {
		Organization string `json:"organization"`
		ID           string `json:"id,omitempty"`
	}
)

func (CreatePortalLink) name() string  { return "CreatePortalLink" }
func (RedeemPortalLink) name() string  { return "RedeemPortalLink" }
func (DeletePortalLinks) name() string { return "DeletePortalLinks" }

func (c CreatePortalLink) decide(d *decision) error {
	o, err := organization(d.view, c.Organization)
	if err != nil {
		return err
	}
	if len(c.Hash) != 32 {
		return fault.New(fault.Invalid, "A secret's hash must be a SHA-256.")
	}
	for _, name := range c.Features {
		if !slices.ContainsFunc(o.Features(), func(f events.OrganizationFeature) bool { return f.Name == name }) {
			return fault.New(fault.Invalid, "features: %q is unknown.", name)
		}
	}
	links, err := PortalLinksOf(d.view, o.ID)
	if err != nil {
		return err
	}
	links = slices.DeleteFunc(links, func(l *PortalLink) bool { return !l.LiveAt(d.stamp.At) })
	if len(links) >= MaxPortalLinks {
		return fault.New(fault.FailedPrecondition, "The organization has %d portal links and sessions, which is the limit; delete some or wait until they end.", len(links))
	}
	life := PortalLinkLife
	if c.Shared {
		life = SharedPortalLinkLife
	}
	id := d.mint(PrefixPortalLink)
	d.resource = Make(TablePortalLink, id)
	return d.emit(events.Event{Organization: o.ID, Resource: id, Revision: 1},
		events.PortalLinkCreated{Hash: c.Hash, Features: c.Features, Until: d.stamp.At.Add(life), Shared: c.Shared})
}

func (c RedeemPortalLink) decide(d *decision) error {
	if len(c.Session) != 32 {
		return fault.New(fault.Invalid, "A secret's hash must be a SHA-256.")
	}
	l, ok, err := get[*PortalLink](d.view, Make(TablePortalLink, c.ID))
	if err != nil {
		return err
	}
	if ok && subtle.ConstantTimeCompare(l.Session, c.Session) == 1 && l.LiveAt(d.stamp.At) { // the same wish, sent again
		d.resource = Make(TablePortalLink, l.ID)
		return nil
	}
	if !ok || !l.opens(c.Hash, d.stamp.At) {
		return errPortalLink()
	}
	d.resource = Make(TablePortalLink, l.ID)
	return d.emit(l.event(), events.PortalLinkRedeemed{Session: c.Session, Until: d.stamp.At.Add(PortalSessionLife)})
}

func (c DeletePortalLinks) decide(d *decision) error {
	o, err := organization(d.view, c.Organization)
	if err != nil {
		return err
	}
	links, err := PortalLinksOf(d.view, o.ID)
	if err != nil {
		return err
	}
	if c.ID != "" {
		links = slices.DeleteFunc(links, func(l *PortalLink) bool { return l.ID != c.ID })
		if len(links) == 0 {
			return fault.New(fault.NotFound, "There is no portal link %q in this organization.", c.ID)
		}
	}
	for _, l := range links {
		if err := d.emit(l.event(), events.PortalLinkDeleted{}); err != nil {
			return err
		}
	}
	return nil
}

// CheckPortalLink reports whether a link that was not used can be at a time, by
// its secret's SHA-256: what is asked before a RedeemPortalLink is sent, so that
// guesses do not reach the log's owner.
//
// Errors: NotFound, whatever is wrong with the link.
func CheckPortalLink(v View, id string, hash []byte, at time.Time) error {
	l, ok, err := get[*PortalLink](v, Make(TablePortalLink, id))
	if err == nil && (!ok || !l.opens(hash, at)) {
		err = errPortalLink()
	}
	return err
}

// PortalSession finds the session that a link opened, by the session's secret's
// SHA-256, if it lasts at a time.
//
// Errors: Unauthenticated, whatever is wrong with it.
func PortalSession(v View, id string, hash []byte, at time.Time) (*PortalLink, error) {
	l, ok, err := get[*PortalLink](v, Make(TablePortalLink, id))
	if err != nil {
		return nil, err
	}
	if !ok || len(l.Session) == 0 || subtle.ConstantTimeCompare(l.Session, hash) != 1 || !l.LiveAt(at) {
		return nil, fault.New(fault.Unauthenticated, "The portal session has ended. Ask for a new link.")
	}
	return l, nil
}

// PortalLinksOf returns an organization's links and sessions, also those whose
// time is over, the oldest first.
func PortalLinksOf(v View, org string) (list []*PortalLink, err error) {
	var ids []string
	if err := v.Scan(Make(TableOrgPortalLink, org), "", func(k Key, _ Row) bool {
		ids = append(ids, k.Last())
		return true
	}); err != nil {
		return nil, err
	}
	for _, id := range ids {
		l, ok, err := get[*PortalLink](v, Make(TablePortalLink, id))
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, l)
		}
	}
	return list, nil
}

func (r *PortalLink) opens(hash []byte, at time.Time) bool {
	return subtle.ConstantTimeCompare(r.Hash, hash) == 1 && len(r.Session) == 0 && r.LiveAt(at)
}

func (r *PortalLink) event() events.Event {
	return events.Event{Organization: r.Organization, Resource: r.ID, Revision: r.Revision + 1}
}

func errPortalLink() error {
	return fault.New(fault.NotFound, "This link was used, has expired, or never was one. Ask for a new one.")
}

// foldPortalLinkCreated also drops what is over by then, so that links do not add
// up.
func foldPortalLinkCreated(f *folding, p events.PortalLinkCreated) error {
	if err := f.dropPortalLinks(f.e.Organization, func(l *PortalLink) bool { return !l.LiveAt(f.e.At) }); err != nil {
		return err
	}
	f.put(Make(TablePortalLink, f.e.Resource), &PortalLink{
		ID: f.e.Resource, Organization: f.e.Organization, Revision: f.e.Revision, Hash: p.Hash, Features: p.Features, Shared: p.Shared, Created: f.e.At, Until: p.Until,
	})
	f.refer("", Make(TableOrgPortalLink, f.e.Organization, f.e.Resource))
	return nil
}

func foldPortalLinkRedeemed(f *folding, p events.PortalLinkRedeemed) error {
	return edit(f, Make(TablePortalLink, f.e.Resource), func(l *PortalLink) {
		l.Revision, l.Session, l.Until = f.e.Revision, p.Session, p.Until
	})
}

// dropPortalLinks drops those of an organization that which wants.
func (f *folding) dropPortalLinks(org string, which func(*PortalLink) bool) error {
	links, err := PortalLinksOf(f.view, org)
	for _, l := range links {
		if which(l) {
			f.drop(Make(TablePortalLink, l.ID))
			f.drop(Make(TableOrgPortalLink, org, l.ID))
		}
	}
	return err
}
