package events

import "time"

// The types of a portal link's life.
const (
	TypePortalLinkCreated  Type = "portal_link.created.v1"
	TypePortalLinkRedeemed Type = "portal_link.redeemed.v1"
	TypePortalLinkDeleted  Type = "portal_link.deleted.v1"
)

// PortalLinkCreated lets whoever has a secret into the portal of the envelope's
// organization, once. It holds the secret's SHA-256, never the secret.
type PortalLinkCreated struct {
	Hash []byte `json:"hash"`
	// Features are those that the portal shows; none: all of the organization's.
	Features []string  `json:"features,omitempty"`
	Until    time.Time `json:"until"`
	// Shared says that the link is for somebody else than who made it.
	Shared bool `json:"shared,omitempty"`
}

// PortalLinkRedeemed says that the link was used and opened a session. It holds
// the SHA-256 of the session's secret.
type PortalLinkRedeemed struct {
	Session []byte    `json:"session"`
	Until   time.Time `json:"until"`
}

// PortalLinkDeleted ends a link, and the session that it opened.
type PortalLinkDeleted struct{}

func (PortalLinkCreated) Type() Type  { return TypePortalLinkCreated }
func (PortalLinkRedeemed) Type() Type { return TypePortalLinkRedeemed }
func (PortalLinkDeleted) Type() Type  { return TypePortalLinkDeleted }
