// Package api is Rollcall's API: one implementation behind gRPC, Connect and
// REST, on one net/http handler.
//
//	h, err := api.New(api.Config{Model: model, Commands: commands, Keys: keys, …})
//	// mount h at every path that Prefixes lists
//
// The handler serves gRPC over HTTP/1.1 and HTTP/2 (with or without TLS), Connect
// and gRPC-Web through connect handlers, and REST through grpc-gateway in the
// same process. Authentication is net/http middleware in front of everything but
// the token endpoint and /keys. Who may make which call is one table and one
// function (access.go) that all protocols pass; every read and command asks for
// the principal whom only that function names, so a road around it leads
// nowhere.
//
// Methods return faults (pkg/fault); failure.go alone knows what codes they are.
// What a call changes is a command that the owner of the log decides; what it
// shows is a consistent view of the read model.
//
// What must not live here: deciding (pkg/directory), the read model
// (services/projector), the messages (pkg/api), routing to other parts of the
// program.
package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
)

// MaxBody is how many bytes a request may have: 1 MiB.
const MaxBody = 1 << 20

// Model is the read model.
type Model interface {
	// Read waits until the model shows every write that was answered before the
	// call, then calls f with one consistent view, valid until f returns.
	//
	// Errors: f's own; fault.Unavailable if the model does not get there.
	Read(ctx context.Context, f func(directory.View) error) error
}

// Commands is the road to the owner of the log.
type Commands interface {
	// Submit returns once this process's model shows what the command led to:
	// the row that the command is about, nil for deletions.
	//
	// Errors: what the command was refused for; fault.Unavailable.
	Submit(ctx context.Context, r directory.Request) (directory.Row, error)
}

// Config says what an API works on. All fields are required unless they say
// otherwise.
type Config struct {
	Model    Model
	Commands Commands
	// Deliveries shows what was sent to webhook endpoints; nil: the call is
	// answered as unimplemented.
	Deliveries Deliveries
	// SyncLog shows what providers were refused or tolerated; nil: the calls are
	// answered as unimplemented, and directories do not show their last use.
	SyncLog SyncLog
	// Uses is told when API clients are used; nil: they show no last use after a
	// restart.
	Uses Uses
	// Events reads the public events; nil: the call is answered as unimplemented.
	Events Events
	// Attempts is the record of attempts as it is written; nil: the live tail is
	// answered as unimplemented.
	Attempts Attempts
	// Stopping is closed when the process begins to stop, so that answers that have
	// no end of their own, or wait for something to happen, end; nil: never.
	Stopping <-chan struct{}
	// NATS lets NATS clients read events; nil: no credentials are made for them.
	NATS NATS
	// Keys seal webhook secrets and open the key that signs access tokens.
	Keys *seal.Keys
	// PublicURL is what links, SCIM base URLs and tokens name, without a final
	// slash.
	PublicURL string
	// PortalURL is what portal links begin with, without a final slash; empty: the
	// PublicURL.
	PortalURL string
	// Resolver looks for the TXT records of domains; nil: the system's.
	Resolver txtrecord.Resolver
	// CheckURL refuses receivers that webhooks must not go to, with a fault.
	CheckURL func(rawURL string) error
	// UserNames returns what webhooks show as a user's given and family name; a
	// page of users shows them without the rest.
	UserNames func(directory.View, *directory.User) (given, family string, err error)
	// UserDetail and GroupDetail return what webhooks show of a user or a group.
	// The values have to be such that encoding/json writes an object.
	UserDetail  func(directory.View, *directory.User) (map[string]any, error)
	GroupDetail func(directory.View, *directory.Group) (map[string]any, error)
	Logger      *slog.Logger
	// Now is the clock that tokens are issued and checked by; nil: time.Now.
	Now func() time.Time
}

// Validate reports what is missing.
func (c Config) Validate() error {
	var missing []string
	for name, is := range map[string]bool{
		"Model": c.Model != nil, "Commands": c.Commands != nil, "Keys": c.Keys != nil, "PublicURL": c.PublicURL != "",
		"CheckURL": c.CheckURL != nil, "UserNames": c.UserNames != nil, "UserDetail": c.UserDetail != nil, "GroupDetail": c.GroupDetail != nil, "Logger": c.Logger != nil,
	} {
		if !is {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return errors.New("api: Config lacks " + strings.Join(missing, ", "))
	}
	return nil
}

// Prefixes are the paths that New's handler answers. One that ends in a slash
// stands for all below. The second form of the token endpoint is what an SDK
// asks for whose URL ends in a slash; it must be answered without a redirect.
var Prefixes = []string{"/api/", "/oauth/", "//oauth/", "/keys", "/scalekit.v1.", "/rollcall.v1."}

// New builds the handler.
func New(cfg Config) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Resolver == nil {
		cfg.Resolver = txtrecord.At("")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.PublicURL = strings.TrimSuffix(cfg.PublicURL, "/")
	cfg.PortalURL = strings.TrimSuffix(cmp.Or(cfg.PortalURL, cfg.PublicURL), "/")
	return newRouter(newCore(cfg))
}
