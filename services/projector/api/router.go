package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1/rollcallv1connect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories/directoriesconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains/domainsconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/events/eventsconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations/organizationsconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles/rolesconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users/usersconnect"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// router sends requests to the protocols. It is not an http.ServeMux because
// that redirects "//oauth/token", and a redirected POST arrives as a GET.
type router struct {
	core   *core
	rest   http.Handler
	tail   http.Handler
	rpc    map[string]http.Handler // service path -> handler
	absent http.Handler            // services that there are not
}

// minCompress is the size in bytes from which answers are worth compressing.
const minCompress = 1024

func newRouter(c *core) (http.Handler, error) {
	s := newServices(c)
	rest, err := newGateway(c, s)
	if err != nil {
		return nil, err
	}
	options := []connect.HandlerOption{
		connect.WithInterceptors(guarded(c)), connect.WithReadMaxBytes(MaxBody), connect.WithCompressMinBytes(minCompress),
	}
	refusals := connect.NewErrorWriter(options...)
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		f := c.failure(r.Context(), r.URL.Path, err)
		if !refusals.IsSupported(r) {
			c.writeFailure(w, f)
			return
		}
		_ = refusals.Write(w, r, f.rpc()) // a caller that left has no one to tell
	}
	rt := &router{core: c, rest: c.authenticated(rest, c.refuseREST), tail: c.authenticated(http.HandlerFunc(c.tail), c.refuseREST), rpc: map[string]http.Handler{}}
	serve := func(path string, h http.Handler) { rt.rpc[path] = c.authenticated(h, refuse) }
	serve(directoriesconnect.NewDirectoryServiceHandler(s.directories, options...))
	serve(domainsconnect.NewDomainServiceHandler(s.domains, options...))
	serve(eventsconnect.NewEventsServiceHandler(s.events, options...))
	serve(organizationsconnect.NewOrganizationServiceHandler(s.organizations, options...))
	serve(rolesconnect.NewRolesServiceHandler(s.roles, options...))
	serve(usersconnect.NewUserServiceHandler(s.users, options...))
	serve(rollcallv1connect.NewUserHistoryServiceHandler(s.userHistory, options...))
	serve(rollcallv1connect.NewWebhookEndpointServiceHandler(s.endpoints, options...))
	serve(rollcallv1connect.NewEventServiceHandler(s.pulls, options...))
	serve(rollcallv1connect.NewWebhookReplayServiceHandler(s.replays, options...))
	serve(rollcallv1connect.NewDirectoryPolicyServiceHandler(s.policies, options...))
	serve(rollcallv1connect.NewDirectoryAccessServiceHandler(s.access, options...))
	serve(rollcallv1connect.NewDirectorySchemaServiceHandler(s.schemas, options...))
	serve(rollcallv1connect.NewAttributeMappingServiceHandler(s.mappings, options...))
	serve(rollcallv1connect.NewSyncLogServiceHandler(s.syncLog, options...))
	serve(rollcallv1connect.NewDirectoryJobServiceHandler(s.jobs, options...))
	serve(rollcallv1connect.NewApiClientServiceHandler(s.clients, options...))
	serve(rollcallv1connect.NewNatsCredentialServiceHandler(s.nats, options...))
	serve(rollcallv1connect.NewAuditServiceHandler(s.audit, options...))
	rt.absent = c.authenticated(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, fault.New(fault.Unimplemented, "This server does not offer this service."))
	}), refuse)
	return rt, nil
}

// ServeHTTP implements http.Handler.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/oauth/token" || path == "//oauth/token":
		rt.core.token(w, r)
	case path == "/keys":
		rt.core.keys(w, r)
	case path == openAPIPath || path == asyncAPIPath:
		rt.core.document(w, r)
	case path == tailPath:
		rt.tail.ServeHTTP(w, r)
	case strings.HasPrefix(path, "/api/"):
		rt.rest.ServeHTTP(w, r)
	case strings.HasPrefix(path, "/scalekit.v1.") || strings.HasPrefix(path, "/rollcall.v1."):
		h, ok := rt.rpc[path[:strings.LastIndexByte(path, '/')+1]]
		if !ok {
			h = rt.absent
		}
		h.ServeHTTP(w, r)
	default:
		rt.core.writeFailure(w, classify(fault.New(fault.NotFound, "There is nothing at this path.")))
	}
}

func (c *core) refuseREST(w http.ResponseWriter, r *http.Request, err error) {
	c.writeFailure(w, c.failure(r.Context(), r.URL.Path, err))
}

// guarded has the calls of Connect's protocols pass the rules, as local has those
// of REST, and turns the implementation's errors into Connect's.
func guarded(c *core) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			in, ok := req.Any().(proto.Message)
			if !ok {
				return nil, c.failure(ctx, req.Spec().Procedure, errors.New("the request is no message")).rpc()
			}
			res, err := c.call(ctx, req.Spec().Procedure, in, func(ctx context.Context) (any, error) { return next(ctx, req) })
			if err != nil {
				return nil, c.failure(ctx, req.Spec().Procedure, err).rpc()
			}
			return res.(connect.AnyResponse), nil //nolint:errcheck // next's
		}
	}
}
