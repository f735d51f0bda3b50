package directory

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events"
)

// Evolve says which rows an event changes, in the order in which they are to be
// applied. It is total: an event of a type that it does not know changes
// nothing, and an event about a row that is gone changes nothing.
//
// Errors mean that the view failed or that a payload is not what its type
// says: a poison event.
func Evolve(v View, e events.Event) ([]Change, error) { return evolve(v, e, MaxFormer) }

func evolve(v View, e events.Event, maxFormer uint64) ([]Change, error) {
	fold, ok := folds[e.Type]
	if !ok {
		return nil, nil
	}
	f := &folding{view: v, e: e, maxFormer: maxFormer}
	if err := fold(f); err != nil {
		return nil, fmt.Errorf("fold %s (event %d): %w", e.Type, e.ID, err)
	}
	return f.changes, nil
}

// Knows reports whether Evolve folds events of the type.
func Knows(t events.Type) bool { _, ok := folds[t]; return ok }

// folding is an Evolve under way.
type folding struct {
	view    View
	e       events.Event
	changes []Change
	// totals and further say where in changes, from 1, the rows stand that are
	// changed step by step: the directory's totals, and others.
	totals    int
	further   map[Key]int
	maxFormer uint64
}

func (f *folding) put(k Key, r Row)            { f.changes = append(f.changes, Change{k, r}) }
func (f *folding) drop(k Key)                  { f.changes = append(f.changes, Change{k, nil}) }
func (f *folding) refer(to string, k Key)      { f.put(k, Ref(to)) }
func (f *folding) scope(t Table, p string) Key { return Make(t, f.e.Directory, p) }

// folds maps every type to its reducer.
var folds = map[events.Type]func(*folding) error{
	events.TypeEnvironmentCreated: func(f *folding) error {
		f.put(Make(TableEnvironment, f.e.Resource), &Environment{ID: f.e.Resource, Created: f.e.At})
		return nil
	},
	events.TypeSigningKeyCreated: with(foldSigningKeyCreated),

	events.TypeAPIClientCreated:       with(foldClientCreated),
	events.TypeAPIClientUpdated:       with(foldClientUpdated),
	events.TypeAPIClientSecretChanged: with(foldClientSecretChanged),
	events.TypeAPIClientDeleted:       func(f *folding) error { f.drop(Make(TableClient, f.e.Resource)); return nil },
	events.TypeNATSCredentialCreated:  with(foldNATSCredentialCreated),
	events.TypeNATSCredentialRevoked:  func(f *folding) error { f.drop(Make(TableNATSCredential, f.e.Resource)); return nil },
	events.TypeIdempotencyKeyUsed:     with(foldKeyUsed),

	events.TypeOrganizationCreated: with(foldOrganizationCreated),
	events.TypeOrganizationUpdated: with(foldOrganizationUpdated),
	events.TypeOrganizationDeleted: with(foldOrganizationDeleted),

	events.TypeOrganizationSettingsChanged: with(foldOrganizationSettingsChanged),

	events.TypeDomainVerified:           func(f *folding) error { return f.verified(VerificationDone) },
	events.TypeDomainVerificationFailed: func(f *folding) error { return f.verified(VerificationFailed) },

	events.TypePortalLinkCreated:  with(foldPortalLinkCreated),
	events.TypePortalLinkRedeemed: with(foldPortalLinkRedeemed),
	events.TypePortalLinkDeleted: func(f *folding) error {
		f.drop(Make(TablePortalLink, f.e.Resource))
		f.drop(Make(TableOrgPortalLink, f.e.Organization, f.e.Resource))
		return nil
	},

	events.TypeDomainCreated: with(foldDomainCreated),
	events.TypeDomainDeleted: with(foldDomainDeleted),

	events.TypeDirectoryCreated:       with(foldDirectoryCreated),
	events.TypeDirectoryEnabled:       func(f *folding) error { return f.directory(func(r *Directory) { r.Enabled = true }) },
	events.TypeDirectoryDisabled:      func(f *folding) error { return f.directory(func(r *Directory) { r.Enabled = false }) },
	events.TypeDirectoryPolicyChanged: with(foldDirectoryPolicyChanged),
	events.TypeDirectorySecretCreated: with(foldDirectorySecretCreated),
	events.TypeDirectorySecretRevoked: with(foldDirectorySecretRevoked),
	events.TypeDirectoryDeleted:       foldDirectoryDeleted,

	events.TypeDirectoryUpdated: with(func(f *folding, p events.DirectoryUpdated) error {
		return f.directory(func(r *Directory) { r.DirectoryProfile = p.DirectoryProfile })
	}),
	events.TypeDirectorySecretExpiring: with(func(f *folding, p events.DirectorySecretExpiring) error {
		return edit(f, Make(TableSecret, HashKey(p.Hash)), func(r *Secret) { r.Until, r.Revision = p.Until, f.e.Revision })
	}),
	events.TypeDirectoryNetworksAllowed: with(func(f *folding, p events.DirectoryNetworksAllowed) error {
		return f.directory(func(r *Directory) { r.Networks, r.derived = p.Networks, &settings{} })
	}),
	events.TypeDirectorySchemasChanged:   with(foldSchemasChanged),
	events.TypeDirectoryAttributesMapped: with(foldAttributesMapped),

	events.TypeWebhookEndpointCreated:       with(foldEndpointCreated),
	events.TypeWebhookEndpointUpdated:       with(foldEndpointUpdated),
	events.TypeWebhookEndpointDeleted:       foldEndpointDeleted,
	events.TypeWebhookEndpointSecretChanged: with(foldEndpointSecretChanged),
	events.TypeWebhookEndpointTested:        func(f *folding) error { return f.endpoint(func(*Endpoint) {}) },
	events.TypeWebhookEndpointFailing: with(func(f *folding, p events.WebhookEndpointFailing) error {
		return f.endpoint(func(r *Endpoint) { r.FailingSince, r.Warned = p.Since, p.Level })
	}),

	events.TypeWebhookReplayRequested: with(foldReplayRequested),
	events.TypeWebhookReplayCancelled: with(foldReplayCancelled),
	events.TypeWebhookReplayFinished:  with(foldReplayFinished),

	events.TypeUserCreated: with(foldUserCreated),
	events.TypeUserUpdated: with(foldUserUpdated),
	events.TypeUserDeleted: foldUserDeleted,

	events.TypeGroupCreated:        with(foldGroupCreated),
	events.TypeGroupUpdated:        with(foldGroupUpdated),
	events.TypeGroupDeleted:        foldGroupDeleted,
	events.TypeGroupMembersAdded:   with(foldMembersAdded),
	events.TypeGroupMembersRemoved: with(foldMembersRemoved),

	events.TypeGroupMembersPended:   with(foldMembersPended),
	events.TypeGroupMembersUnpended: with(foldMembersUnpended),

	events.TypeRoleCreated:            with(foldRoleCreated),
	events.TypeRoleUpdated:            with(foldRoleUpdated),
	events.TypeRoleDeleted:            with(foldRoleDeleted),
	events.TypeDefaultRolesChanged:    with(foldDefaultRolesChanged),
	events.TypePermissionCreated:      with(foldPermissionCreated),
	events.TypePermissionUpdated:      with(foldPermissionUpdated),
	events.TypePermissionDeleted:      with(foldPermissionDeleted),
	events.TypeDirectoryRolesAssigned: with(foldRolesAssigned),

	events.TypePersonCreated:     with(foldPersonCreated),
	events.TypePersonUpdated:     with(foldPersonUpdated),
	events.TypePersonDeleted:     foldPersonDeleted,
	events.TypeMembershipCreated: with(foldMembershipCreated),
	events.TypeMembershipUpdated: with(foldMembershipUpdated),
	events.TypeMembershipDeleted: foldMembershipDeleted,

	events.TypeFanoutContinued: with(foldFanoutContinued),
}

// with decodes the payload in front of a reducer.
func with[P events.Payload](fold func(*folding, P) error) func(*folding) error {
	return func(f *folding) error {
		p, err := events.Decode[P](f.e)
		if err != nil {
			return err
		}
		return fold(f, p)
	}
}

func foldSigningKeyCreated(f *folding, p events.SigningKeyCreated) error {
	f.put(Make(TableSigningKey, f.e.Resource),
		&SigningKey{ID: f.e.Resource, Algorithm: p.Algorithm, Public: p.Public, Sealed: p.Sealed, Created: f.e.At})
	return nil
}

func foldOrganizationCreated(f *folding, p events.OrganizationCreated) error {
	f.put(Make(TableOrganization, f.e.Resource), &Organization{
		ID: f.e.Resource, Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At, OrganizationProfile: p.OrganizationProfile,
	})
	if p.ExternalID != "" {
		f.refer(f.e.Resource, Make(TableOrganizationName, p.ExternalID))
	}
	return nil
}

func foldOrganizationUpdated(f *folding, p events.OrganizationUpdated) error {
	k := Make(TableOrganization, f.e.Resource)
	old, ok, err := get[*Organization](f.view, k)
	if err != nil || !ok {
		return err
	}
	o := *old
	o.Revision, o.Updated, o.OrganizationProfile = f.e.Revision, f.e.At, p.OrganizationProfile
	if p.FreedExternalID != "" {
		f.drop(Make(TableOrganizationName, p.FreedExternalID))
	}
	if p.ExternalID != "" && p.ExternalID != old.ExternalID {
		f.refer(o.ID, Make(TableOrganizationName, p.ExternalID))
	}
	f.put(k, &o)
	return nil
}

func foldOrganizationDeleted(f *folding, p events.OrganizationDeleted) error {
	if err := f.dropRolesOf(f.e.Resource); err != nil {
		return err
	}
	if err := f.dropPortalLinks(f.e.Resource, func(*PortalLink) bool { return true }); err != nil {
		return err
	}
	f.drop(Make(TableOrganization, f.e.Resource))
	if p.ExternalID != "" {
		f.drop(Make(TableOrganizationName, p.ExternalID))
	}
	return f.startFanout(FanoutOrganizationDeleted)
}

func foldDirectoryCreated(f *folding, p events.DirectoryCreated) error {
	id := f.e.Resource
	f.put(Make(TableDirectory, id), &Directory{
		ID: id, Organization: f.e.Organization, Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At,
		Policy: wholePolicy(p.Policy), DirectoryProfile: p.DirectoryProfile, derived: &settings{},
	})
	f.refer("", Make(TableOrgDirectory, f.e.Organization, id))
	f.put(Make(TableCounts, id), &Counts{})
	return nil
}

func foldDirectoryPolicyChanged(f *folding, p events.DirectoryPolicyChanged) error {
	return f.directory(func(r *Directory) { r.Policy = wholePolicy(p.DirectoryPolicy) })
}

// wholePolicy fills in what events and rows of earlier versions lack.
func wholePolicy(p events.DirectoryPolicy) events.DirectoryPolicy {
	if p.Conformance == "" {
		p.Conformance = ConformanceLenient
	}
	return p
}

func foldDirectorySecretCreated(f *folding, p events.DirectorySecretCreated) error {
	h := HashKey(p.Hash)
	f.put(Make(TableSecret, h), &Secret{
		ID: f.e.Resource, Organization: f.e.Organization, Directory: f.e.Directory, Hash: p.Hash, Suffix: p.Suffix, Created: f.e.At, Revision: f.e.Revision,
	})
	f.refer(h, Make(TableDirectorySecret, f.e.Directory, f.e.Resource))
	return nil
}

func foldDirectorySecretRevoked(f *folding, p events.DirectorySecretRevoked) error {
	f.drop(Make(TableSecret, HashKey(p.Hash)))
	f.drop(Make(TableDirectorySecret, f.e.Directory, f.e.Resource))
	return nil
}

func foldEndpointCreated(f *folding, p events.WebhookEndpointCreated) error {
	f.put(Make(TableEndpoint, f.e.Resource), &Endpoint{
		ID: f.e.Resource, Organization: f.e.Organization, Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At,
		WebhookSigningKeys: p.WebhookSigningKeys, WebhookEndpointConfig: p.WebhookEndpointConfig,
	})
	return nil
}

func foldEndpointUpdated(f *folding, p events.WebhookEndpointUpdated) error {
	return f.endpoint(func(r *Endpoint) {
		r.WebhookEndpointConfig, r.DisabledBecause = p.WebhookEndpointConfig, p.Reason
		r.FailingSince, r.Warned = time.Time{}, 0 // somebody did something about it
		if len(p.SealedKey) > 0 {
			r.SealedKey, r.PublicKey = p.SealedKey, p.PublicKey
		}
	})
}

func foldEndpointSecretChanged(f *folding, p events.WebhookEndpointSecretChanged) error {
	return f.endpoint(func(r *Endpoint) {
		former := slices.DeleteFunc(slices.Clone(r.Former), func(k FormerKeys) bool { return !k.Until.After(f.e.At) })
		if p.FormerUntil != nil {
			former = append(former, FormerKeys{Until: *p.FormerUntil, WebhookSigningKeys: r.WebhookSigningKeys})
		}
		r.Former = former[max(0, len(former)-MaxFormerKeys):]
		r.WebhookSigningKeys = p.WebhookSigningKeys
	})
}

// directory changes a copy of the event's directory row.
func (f *folding) directory(change func(*Directory)) error {
	return edit(f, Make(TableDirectory, f.e.Directory), func(r *Directory) {
		r.Revision, r.Updated = f.e.Revision, f.e.At
		change(r)
	})
}

// endpoint changes a copy of the event's endpoint row.
func (f *folding) endpoint(change func(*Endpoint)) error {
	return edit(f, Make(TableEndpoint, f.e.Resource), func(r *Endpoint) {
		r.Revision, r.Updated = f.e.Revision, f.e.At
		change(r)
	})
}

// counts changes a copy of the event's directory's totals.
func (f *folding) counts(change func(*Counts)) error {
	return edit(f, Make(TableCounts, f.e.Directory), change)
}

// remove drops a row for good: an edit behind it does not bring it back.
func (f *folding) remove(k Key) {
	f.mark(k)
	f.drop(k)
}

// mark says that the next change is what an edit of k builds upon.
func (f *folding) mark(k Key) {
	if k.Table() == TableCounts {
		f.totals = len(f.changes) + 1
		return
	}
	if f.further == nil {
		f.further = make(map[Key]int)
	}
	f.further[k] = len(f.changes) + 1
}

// marked returns the place from 1 of what an edit of k builds upon, 0 for none.
// An event is about one directory and so about one row of totals.
func (f *folding) marked(k Key) int {
	if k.Table() == TableCounts {
		return f.totals
	}
	return f.further[k]
}

// edit changes a copy of a row, or of what an edit before made of it. A row that
// is not there, or was removed, stays away.
func edit[T any, P interface {
	*T
	Row
}](f *folding, k Key, change func(P)) error {
	i := f.marked(k)
	if i == 0 {
		old, ok, err := get[P](f.view, k)
		if err != nil || !ok {
			return err
		}
		row := *old
		f.mark(k)
		f.put(k, P(&row))
		i = len(f.changes)
	}
	if row, ok := f.changes[i-1].Row.(P); ok {
		change(row)
	}
	return nil
}

func foldDirectoryDeleted(f *folding) error {
	id := f.e.Directory
	if err := f.endMapping(); err != nil {
		return err
	}
	if err := f.startFanout(FanoutDirectoryDeleted); err != nil {
		return err
	}
	f.drop(Make(TableDirectory, id))
	f.drop(Make(TableOrgDirectory, f.e.Organization, id))
	f.drop(Make(TableCounts, id))
	if err := f.mapRoles(id, nil); err != nil {
		return err
	}
	return f.view.Scan(Make(TableDirectorySecret, id), "", func(k Key, r Row) bool {
		f.drop(k)
		f.drop(Make(TableSecret, string(r.(Ref)))) //nolint:errcheck // the table says what its rows are
		return true
	})
}
