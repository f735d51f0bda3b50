package events

// The types of the environment's own life.
const (
	TypeEnvironmentCreated Type = "environment.created.v1"
	TypeAPIClientCreated   Type = "api_client.created.v1"
	TypeAPIClientDeleted   Type = "api_client.deleted.v1"
	TypeSigningKeyCreated  Type = "signing_key.created.v1"
	TypeFanoutContinued    Type = "fanout.continued.v1"
)

// EnvironmentCreated is the first event of a log.
type EnvironmentCreated struct{}

// APIClientCreated holds the SHA-256 of an API client's secret, never the
// secret.
type APIClientCreated struct {
	Name   string `json:"name,omitempty"`
	Hash   []byte `json:"hash"`
	Suffix string `json:"suffix"`
}

// APIClientDeleted says that a client's secret and tokens are dead.
type APIClientDeleted struct{}

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
func (APIClientCreated) Type() Type   { return TypeAPIClientCreated }
func (APIClientDeleted) Type() Type   { return TypeAPIClientDeleted }
func (SigningKeyCreated) Type() Type  { return TypeSigningKeyCreated }
func (FanoutContinued) Type() Type    { return TypeFanoutContinued }
