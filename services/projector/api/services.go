package api

import (
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/events"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

// services are the implementation. Each embeds what answers "unimplemented" for
// the methods that it does not have, so a method that is added to a .proto file
// is refused, not missing.
type services struct {
	organizations *organizationService
	directories   *directoryService
	domains       *domainService
	endpoints     *endpointService
	replays       *replayService
	pulls         *pullService
	policies      *policyService
	access        *accessService
	events        *eventsService
	schemas       *schemaService
	mappings      *mappingService
	syncLog       *syncLogService
	jobs          *jobService
	roles         *roleService
	users         *userService
	userHistory   *userHistoryService
	clients       *clientService
	nats          *natsService
	audit         *auditService
}

func newServices(c *core) services {
	return services{
		organizations: &organizationService{core: c},
		directories:   &directoryService{core: c},
		domains:       &domainService{core: c},
		endpoints:     &endpointService{core: c},
		replays:       &replayService{core: c},
		pulls:         &pullService{core: c},
		policies:      &policyService{core: c},
		access:        &accessService{core: c},
		events:        &eventsService{core: c},
		schemas:       &schemaService{core: c},
		mappings:      &mappingService{core: c},
		syncLog:       &syncLogService{core: c},
		jobs:          &jobService{core: c},
		roles:         &roleService{core: c},
		users:         &userService{core: c},
		userHistory:   &userHistoryService{core: c},
		clients:       &clientService{core: c},
		nats:          &natsService{core: c},
		audit:         &auditService{core: c},
	}
}

type organizationService struct {
	organizations.UnimplementedOrganizationServiceServer
	core *core
}

type directoryService struct {
	directories.UnimplementedDirectoryServiceServer
	core *core
}

type roleService struct {
	roles.UnimplementedRolesServiceServer
	core *core
}

type userService struct {
	users.UnimplementedUserServiceServer
	core *core
}

type userHistoryService struct {
	rollcallv1.UnimplementedUserHistoryServiceServer
	core *core
}

type domainService struct {
	domains.UnimplementedDomainServiceServer
	core *core
}

type endpointService struct {
	rollcallv1.UnimplementedWebhookEndpointServiceServer
	core *core
}

type pullService struct {
	rollcallv1.UnimplementedEventServiceServer
	core *core
}

type replayService struct {
	rollcallv1.UnimplementedWebhookReplayServiceServer
	core *core
}

type policyService struct {
	rollcallv1.UnimplementedDirectoryPolicyServiceServer
	core *core
}

type eventsService struct {
	events.UnimplementedEventsServiceServer
	core *core
}

type accessService struct {
	rollcallv1.UnimplementedDirectoryAccessServiceServer
	core *core
}

type schemaService struct {
	rollcallv1.UnimplementedDirectorySchemaServiceServer
	core *core
}

type mappingService struct {
	rollcallv1.UnimplementedAttributeMappingServiceServer
	core *core
}

type syncLogService struct {
	rollcallv1.UnimplementedSyncLogServiceServer
	core *core
}

type jobService struct {
	rollcallv1.UnimplementedDirectoryJobServiceServer
	core *core
}

type clientService struct {
	rollcallv1.UnimplementedApiClientServiceServer
	core *core
}

type natsService struct {
	rollcallv1.UnimplementedNatsCredentialServiceServer
	core *core
}

type auditService struct {
	rollcallv1.UnimplementedAuditServiceServer
	core *core
}
