package events

// The types of the environment's own life.
const (
	TypeEnvironmentCreated Type = "environment.created.v1"
	TypeSigningKeyCreated  Type = "signing_key.created.v1"
	TypeFanoutContinued    Type = "fanout.continued.v1"
)

// EnvironmentCreated is the first event of a log.
type EnvironmentCreated struct{}

// SigningKeyCreated holds a key that signs access tokens. The private half is
// sealed with the installation's master key.
type SigningKeyCreated struct {
	Algorithm string `json:"algorithm"` // "RS256"
	Public    []byte `json:"public"`    // PKIX, DER
	Sealed    []byte `json:"sealed"`    // PKCS #8, DER, sealed
}

// FanoutContinued says that a fan-out covered the next stretch of what it
// touches: every key after From up to and including To.
type FanoutContinued struct {
	Job  string `json:"job"`
	From string `json:"from"`
	To   string `json:"to"`
	Done bool   `json:"done,omitempty"`
}

func (EnvironmentCreated) Type() Type { return TypeEnvironmentCreated }
func (SigningKeyCreated) Type() Type  { return TypeSigningKeyCreated }
func (FanoutContinued) Type() Type    { return TypeFanoutContinued }
