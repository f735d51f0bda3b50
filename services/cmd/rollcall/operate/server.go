package operate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/alecthomas/kong"

	"github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1/rollcallv1connect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories/directoriesconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains/domainsconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations/organizationsconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles/rolesconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users/usersconnect"
)

const (
	// defaultURL is where `rollcall serve` listens if nothing else is said.
	defaultURL = "http://127.0.0.1:8080"
	// patience bounds one call.
	patience = 30 * time.Second
	// maxAnswer bounds what is read of one answer, in bytes.
	maxAnswer = 64 << 20
)

// Server says which server is asked, and as whom. What the flags and the
// environment leave open, comes from what login kept.
type Server struct {
	URL          string `help:"Base URL of the server; what login kept, or http://127.0.0.1:8080." name:"url" group:"Server" env:"ROLLCALL_URL"`
	ClientID     string `help:"Id of an API client." group:"Server" env:"ROLLCALL_CLIENT_ID"`
	ClientSecret string `help:"Its secret. Prefer login or the environment: arguments show in ps." group:"Server" env:"ROLLCALL_CLIENT_SECRET"`
	JSON         bool   `help:"Print JSON for programs, not tables for people." name:"json" group:"Server" env:"ROLLCALL_JSON"`

	http  *http.Client
	agent string
}

// AfterApply is called by kong once flags are parsed; commands below get the
// server as an argument.
func (s *Server) AfterApply(k *kong.Context) error {
	s.agent = "rollcall (" + k.Selected().Path() + ")"
	k.Bind(s)
	return nil
}

// resolve fills in what login kept. A kept secret goes to no other server than the
// one it was kept for.
func (s *Server) resolve() error {
	s.URL = strings.TrimRight(s.URL, "/")
	if (s.ClientID == "") != (s.ClientSecret == "") {
		return errors.New("--client-id and --client-secret go together")
	}
	if s.ClientID == "" || s.URL == "" {
		kept, err := readCredentials()
		switch {
		case errors.Is(err, errNoCredentials):
		case err != nil:
			return err
		case s.ClientID == "" && (s.URL == "" || s.URL == kept.URL):
			s.URL, s.ClientID, s.ClientSecret = kept.URL, kept.ClientID, kept.ClientSecret
		case s.URL == "":
			s.URL = kept.URL // given credentials go where the commands went so far
		}
	}
	if s.URL == "" {
		s.URL = defaultURL
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--url must be an http or https URL, not %q", s.URL)
	}
	if s.ClientID == "" {
		return fmt.Errorf("there are no credentials for %s: run \"rollcall login\", or give --client-id and --client-secret (ROLLCALL_CLIENT_ID, ROLLCALL_CLIENT_SECRET)", s.URL)
	}
	return nil
}

// connect makes ready to call, with a fresh token.
func (s *Server) connect(ctx context.Context) (*grant, error) {
	if err := s.resolve(); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // the standard library's
	plain := &http.Client{Transport: transport, Timeout: patience}
	g, err := fetchToken(ctx, plain, s)
	if err != nil {
		return nil, err
	}
	s.http = &http.Client{Transport: &authorized{transport, g.AccessToken, s.agent}, Timeout: patience}
	return g, nil
}

// ask connects and has f make calls.
func (s *Server) ask(ctx context.Context, f func() error) error {
	if _, err := s.connect(ctx); err != nil {
		return err
	}
	return explained(s, f())
}

// authorized adds the token to every request, and which command makes it, for
// whoever reads the log of a proxy.
type authorized struct {
	next         *http.Transport
	token, agent string
}

// RoundTrip implements http.RoundTripper.
func (a *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set("User-Agent", a.agent)
	return a.next.RoundTrip(r)
}

func (s *Server) options() connect.ClientOption {
	return connect.WithClientOptions(connect.WithReadMaxBytes(maxAnswer), connect.WithProtoJSON())
}

func (s *Server) organizations() organizationsconnect.OrganizationServiceClient {
	return organizationsconnect.NewOrganizationServiceClient(s.http, s.URL, s.options())
}

func (s *Server) directories() directoriesconnect.DirectoryServiceClient {
	return directoriesconnect.NewDirectoryServiceClient(s.http, s.URL, s.options())
}

func (s *Server) domains() domainsconnect.DomainServiceClient {
	return domainsconnect.NewDomainServiceClient(s.http, s.URL, s.options())
}

func (s *Server) roles() rolesconnect.RolesServiceClient {
	return rolesconnect.NewRolesServiceClient(s.http, s.URL, s.options())
}

func (s *Server) users() usersconnect.UserServiceClient {
	return usersconnect.NewUserServiceClient(s.http, s.URL, s.options())
}

func (s *Server) history() rollcallv1connect.UserHistoryServiceClient {
	return rollcallv1connect.NewUserHistoryServiceClient(s.http, s.URL, s.options())
}

func (s *Server) policies() rollcallv1connect.DirectoryPolicyServiceClient {
	return rollcallv1connect.NewDirectoryPolicyServiceClient(s.http, s.URL, s.options())
}

func (s *Server) access() rollcallv1connect.DirectoryAccessServiceClient {
	return rollcallv1connect.NewDirectoryAccessServiceClient(s.http, s.URL, s.options())
}

func (s *Server) schemas() rollcallv1connect.DirectorySchemaServiceClient {
	return rollcallv1connect.NewDirectorySchemaServiceClient(s.http, s.URL, s.options())
}

func (s *Server) attributes() rollcallv1connect.AttributeMappingServiceClient {
	return rollcallv1connect.NewAttributeMappingServiceClient(s.http, s.URL, s.options())
}

func (s *Server) syncLog() rollcallv1connect.SyncLogServiceClient {
	return rollcallv1connect.NewSyncLogServiceClient(s.http, s.URL, s.options())
}

func (s *Server) jobs() rollcallv1connect.DirectoryJobServiceClient {
	return rollcallv1connect.NewDirectoryJobServiceClient(s.http, s.URL, s.options())
}

func (s *Server) events() rollcallv1connect.EventServiceClient {
	return rollcallv1connect.NewEventServiceClient(s.http, s.URL, s.options())
}

func (s *Server) webhooks() rollcallv1connect.WebhookEndpointServiceClient {
	return rollcallv1connect.NewWebhookEndpointServiceClient(s.http, s.URL, s.options())
}

func (s *Server) replays() rollcallv1connect.WebhookReplayServiceClient {
	return rollcallv1connect.NewWebhookReplayServiceClient(s.http, s.URL, s.options())
}

func (s *Server) clients() rollcallv1connect.ApiClientServiceClient {
	return rollcallv1connect.NewApiClientServiceClient(s.http, s.URL, s.options())
}

func (s *Server) nats() rollcallv1connect.NatsCredentialServiceClient {
	return rollcallv1connect.NewNatsCredentialServiceClient(s.http, s.URL, s.options())
}

func (s *Server) audit() rollcallv1connect.AuditServiceClient {
	return rollcallv1connect.NewAuditServiceClient(s.http, s.URL, s.options())
}
