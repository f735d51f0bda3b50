package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/events"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// newGateway builds the REST side: paths as proto/http.yaml has them, the
// implementation called in the same process.
func newGateway(c *core, s services) (http.Handler, error) {
	noHeaders := func(string) (string, bool) { return "", false }
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newJSON()),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved), // an external id may hold a slash, written %2F
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithIncomingHeaderMatcher(noHeaders),
		runtime.WithOutgoingHeaderMatcher(noHeaders),
		runtime.WithForwardResponseOption(created),
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			c.writeFailure(w, c.failure(ctx, r.Method+" "+r.URL.Path, err))
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, status int) {
			c.writeFailure(w, noRoute(status))
		}),
	)
	// The gateway calls as a client, so that no call goes around the rules.
	conn := newLocal(c)
	directories.RegisterDirectoryServiceServer(conn, s.directories)
	domains.RegisterDomainServiceServer(conn, s.domains)
	events.RegisterEventsServiceServer(conn, s.events)
	organizations.RegisterOrganizationServiceServer(conn, s.organizations)
	roles.RegisterRolesServiceServer(conn, s.roles)
	users.RegisterUserServiceServer(conn, s.users)
	rollcallv1.RegisterUserHistoryServiceServer(conn, s.userHistory)
	rollcallv1.RegisterWebhookEndpointServiceServer(conn, s.endpoints)
	rollcallv1.RegisterEventServiceServer(conn, s.pulls)
	rollcallv1.RegisterWebhookReplayServiceServer(conn, s.replays)
	rollcallv1.RegisterDirectoryPolicyServiceServer(conn, s.policies)
	rollcallv1.RegisterDirectoryAccessServiceServer(conn, s.access)
	rollcallv1.RegisterDirectorySchemaServiceServer(conn, s.schemas)
	rollcallv1.RegisterAttributeMappingServiceServer(conn, s.mappings)
	rollcallv1.RegisterSyncLogServiceServer(conn, s.syncLog)
	rollcallv1.RegisterDirectoryJobServiceServer(conn, s.jobs)
	rollcallv1.RegisterApiClientServiceServer(conn, s.clients)
	rollcallv1.RegisterNatsCredentialServiceServer(conn, s.nats)
	rollcallv1.RegisterAuditServiceServer(conn, s.audit)
	ctx := context.Background() // the registrations below keep none
	if err := first(
		directories.RegisterDirectoryServiceHandlerClient(ctx, mux, directories.NewDirectoryServiceClient(conn)),
		domains.RegisterDomainServiceHandlerClient(ctx, mux, domains.NewDomainServiceClient(conn)),
		events.RegisterEventsServiceHandlerClient(ctx, mux, events.NewEventsServiceClient(conn)),
		organizations.RegisterOrganizationServiceHandlerClient(ctx, mux, organizations.NewOrganizationServiceClient(conn)),
		roles.RegisterRolesServiceHandlerClient(ctx, mux, roles.NewRolesServiceClient(conn)),
		users.RegisterUserServiceHandlerClient(ctx, mux, users.NewUserServiceClient(conn)),
		rollcallv1.RegisterUserHistoryServiceHandlerClient(ctx, mux, rollcallv1.NewUserHistoryServiceClient(conn)),
		rollcallv1.RegisterWebhookEndpointServiceHandlerClient(ctx, mux, rollcallv1.NewWebhookEndpointServiceClient(conn)),
		rollcallv1.RegisterEventServiceHandlerClient(ctx, mux, rollcallv1.NewEventServiceClient(conn)),
		rollcallv1.RegisterWebhookReplayServiceHandlerClient(ctx, mux, rollcallv1.NewWebhookReplayServiceClient(conn)),
		rollcallv1.RegisterDirectoryPolicyServiceHandlerClient(ctx, mux, rollcallv1.NewDirectoryPolicyServiceClient(conn)),
		rollcallv1.RegisterDirectoryAccessServiceHandlerClient(ctx, mux, rollcallv1.NewDirectoryAccessServiceClient(conn)),
		rollcallv1.RegisterDirectorySchemaServiceHandlerClient(ctx, mux, rollcallv1.NewDirectorySchemaServiceClient(conn)),
		rollcallv1.RegisterAttributeMappingServiceHandlerClient(ctx, mux, rollcallv1.NewAttributeMappingServiceClient(conn)),
		rollcallv1.RegisterSyncLogServiceHandlerClient(ctx, mux, rollcallv1.NewSyncLogServiceClient(conn)),
		rollcallv1.RegisterDirectoryJobServiceHandlerClient(ctx, mux, rollcallv1.NewDirectoryJobServiceClient(conn)),
		rollcallv1.RegisterApiClientServiceHandlerClient(ctx, mux, rollcallv1.NewApiClientServiceClient(conn)),
		rollcallv1.RegisterNatsCredentialServiceHandlerClient(ctx, mux, rollcallv1.NewNatsCredentialServiceClient(conn)),
		rollcallv1.RegisterAuditServiceHandlerClient(ctx, mux, rollcallv1.NewAuditServiceClient(conn)),
	); err != nil {
		return nil, err
	}
	return c.bounded(mux), nil
}

// created answers 201 where the documented API does.
func created(_ context.Context, w http.ResponseWriter, m proto.Message) error {
	switch m.(type) {
	case *organizations.CreateOrganizationResponse, *rollcallv1.CreateWebhookEndpointResponse, *rollcallv1.CreateWebhookReplayResponse, *rollcallv1.CreateApiClientResponse, *rollcallv1.CreateNatsCredentialResponse,
		*roles.CreateRoleResponse, *roles.CreateOrganizationRoleResponse, *roles.CreatePermissionResponse,
		*users.CreateUserAndMembershipResponse, *users.CreateMembershipResponse:
		w.WriteHeader(http.StatusCreated)
	}
	return nil
}

// noRoute is the failure of a request that no path or method fits.
func noRoute(status int) failure {
	switch status {
	case http.StatusMethodNotAllowed:
		return failure{code: connect.CodeUnimplemented, status: status, message: "This path does not take this method."}
	case http.StatusNotFound:
		return failure{code: connect.CodeNotFound, status: status, message: "There is nothing at this path."}
	default:
		return failure{code: connect.CodeInvalidArgument, status: http.StatusBadRequest, message: "The path is not valid."}
	}
}

// bounded reads the whole body before next, so that one that is too large is
// told apart from one that is cut short.
func (c *core) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
		if err != nil {
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				err = fault.New(fault.TooLarge, "The body has more than %d bytes, which is the limit.", MaxBody)
			} else {
				err = fault.Wrap(fault.Invalid, err, "The body could not be read to its end.")
			}
			c.refuseREST(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}
