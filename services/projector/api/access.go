package api

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/events"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// rule says who may make a call.
type rule struct {
	scope string
	// organization is the request's field that names the one organization which
	// the call is about. A client of one organization may make only such calls,
	// and only if nothing else in the request can lead to another one. A dot leads
	// into a message: "filter.organization_id".
	organization string
	// once says that the call makes something, so that an idempotency key counts.
	once bool
}

// The rules of calls that are about all organizations.
var (
	reads   = rule{scope: directory.ScopeRead}
	writes  = rule{scope: directory.ScopeWrite}
	admin   = rule{scope: directory.ScopeAdmin}
	creates = rule{scope: directory.ScopeWrite, once: true}
)

// in is the rule for a call about the organization that a field names.
func (r rule) in(field string) rule {
	r.organization = field
	return r
}

// keyed is the rule for a call that makes something.
func (r rule) keyed() rule {
	r.once = true
	return r
}

// rules is the one place that says who may make which call, by service and
// method. A call that is not here is refused.
var rules = map[string]map[string]rule{
	organizations.OrganizationService_ServiceDesc.ServiceName: {
		"CreateOrganization":                   creates,
		"UpdateOrganization":                   writes.in("id"),
		"GetOrganization":                      reads.in("id"),
		"GetOrganizationByExternalId":          reads,
		"ListOrganization":                     reads,
		"SearchOrganization":                   reads,
		"DeleteOrganization":                   writes.in("id"),
		"GeneratePortalLink":                   writes.in("id"),
		"DeletePortalLink":                     writes.in("id"),
		"DeletePortalLinkByID":                 writes.in("id"),
		"GetPortalLinks":                       reads.in("id"),
		"UpdateOrganizationSettings":           writes.in("id"),
		"UpsertUserManagementSettings":         writes.in("organization_id"),
		"GetOrganizationUserManagementSetting": reads.in("organization_id"),
	},
	directories.DirectoryService_ServiceDesc.ServiceName: {
		"CreateDirectory":            creates.in("organization_id"),
		"DeleteDirectory":            writes.in("organization_id"),
		"UpdateDirectory":            writes.in("organization_id"),
		"AssignGroupsForDirectory":   writes.in("organization_id"),
		"AssignRoles":                writes.in("organization_id"),
		"UpdateAttributes":           writes.in("organization_id"),
		"GetDirectory":               reads.in("organization_id"),
		"ListDirectories":            reads.in("organization_id"),
		"EnableDirectory":            writes.in("organization_id"),
		"DisableDirectory":           writes.in("organization_id"),
		"ListDirectoryUsers":         reads.in("organization_id"),
		"ListDirectoryGroups":        reads.in("organization_id"),
		"ListDirectoryGroupsSummary": reads.in("organization_id"),
		"CreateDirectorySecret":      creates.in("organization_id"),
		"RegenerateDirectorySecret":  creates.in("organization_id"),
		"TriggerDirectorySync":       writes.in("organization_id"),
		"GetDirectoryContext":        reads.in("organization_id"),
		"UpdateDirectoryContext":     writes.in("organization_id"),
	},
	domains.DomainService_ServiceDesc.ServiceName: {
		"CreateDomain": creates.in("organization_id"),
		"UpdateDomain": writes.in("organization_id"),
		"VerifyDomain": writes.in("organization_id"),
		"GetDomain":    reads.in("organization_id"),
		"DeleteDomain": writes.in("organization_id"),
		"ListDomains":  reads.in("organization_id"),
	},
	events.EventsService_ServiceDesc.ServiceName: {
		"ListEventsPaginated": reads.in("filter.organization_id"),
	},
	roles.RolesService_ServiceDesc.ServiceName: {
		"CreateRole":                     creates,
		"UpdateRole":                     writes,
		"GetRole":                        reads,
		"ListRoles":                      reads,
		"DeleteRole":                     writes,
		"CreateOrganizationRole":         creates.in("org_id"),
		"UpdateOrganizationRole":         writes.in("org_id"),
		"GetOrganizationRole":            reads.in("org_id"),
		"ListOrganizationRoles":          reads.in("org_id"),
		"DeleteOrganizationRole":         writes.in("org_id"),
		"GetRoleUsersCount":              reads,
		"GetOrganizationRoleUsersCount":  reads.in("org_id"),
		"UpdateDefaultRoles":             writes,
		"UpdateDefaultOrganizationRoles": writes.in("org_id"),
		"ListDependentRoles":             reads,
		"DeleteRoleBase":                 writes,
		"DeleteOrganizationRoleBase":     writes.in("org_id"),
		"CreatePermission":               creates,
		"GetPermission":                  reads,
		"UpdatePermission":               writes,
		"ListPermissions":                reads,
		"DeletePermission":               writes,
		"ListRolePermissions":            reads,
		"AddPermissionsToRole":           writes,
		"RemovePermissionFromRole":       writes,
		"ListEffectiveRolePermissions":   reads,
	},
	// A user may be in several organizations, so a client of one makes those calls
	// only that find none but its own users.
	users.UserService_ServiceDesc.ServiceName: {
		"GetUser":                 reads,
		"ListUsers":               reads,
		"SearchUsers":             reads,
		"SearchOrganizationUsers": reads.in("organization_id"),
		"UpdateUser":              writes,
		"DeleteUser":              writes,
		"CreateMembership":        creates,
		"DeleteMembership":        writes.in("organization_id"),
		"UpdateMembership":        writes.in("organization_id"),
		"CreateUserAndMembership": creates.in("organization_id"),
		"ListOrganizationUsers":   reads.in("organization_id"),
		"ResendInvite":            writes.in("organization_id"),
		"ListUserRoles":           reads.in("organization_id"),
		"AssignUserRoles":         writes.in("organization_id"),
		"RemoveUserRole":          writes.in("organization_id"),
		"ListUserPermissions":     reads.in("organization_id"),
	},
	rollcallv1.UserHistoryService_ServiceDesc.ServiceName: {
		"ListUserHistory":  reads,
		"AcceptInvitation": writes.in("organization_id"),
	},
	rollcallv1.WebhookEndpointService_ServiceDesc.ServiceName: {
		"CreateWebhookEndpoint": creates.in("organization_id"),
		"ListWebhookEndpoints":  reads.in("organization_id"),
		"GetWebhookEndpoint":    reads,
		"UpdateWebhookEndpoint": writes,
		"RotateWebhookSecret":   writes,
		"TestWebhookEndpoint":   writes,
		"DeleteWebhookEndpoint": writes,
		"ListDeliveries":        reads,
		"GetDelivery":           reads,
		"ListDeliveryAttempts":  reads,
	},
	rollcallv1.EventService_ServiceDesc.ServiceName: {
		"ListEvents": reads.in("organization_id"),
	},
	rollcallv1.WebhookReplayService_ServiceDesc.ServiceName: {
		"CreateWebhookReplay": creates,
		"ListWebhookReplays":  reads,
		"GetWebhookReplay":    reads,
		"CancelWebhookReplay": writes,
	},
	rollcallv1.DirectoryPolicyService_ServiceDesc.ServiceName: {
		"GetPolicy":    reads.in("organization_id"),
		"UpdatePolicy": writes.in("organization_id"),
	},
	rollcallv1.DirectoryAccessService_ServiceDesc.ServiceName: {
		"GetAllowlist":     reads.in("organization_id"),
		"ReplaceAllowlist": writes.in("organization_id"),
		"RevokeSecret":     writes.in("organization_id"),
	},
	rollcallv1.DirectorySchemaService_ServiceDesc.ServiceName: {
		"GetExtensions":     reads.in("organization_id"),
		"ReplaceExtensions": writes.in("organization_id"),
	},
	rollcallv1.AttributeMappingService_ServiceDesc.ServiceName: {
		"GetAttributeMappings":     reads.in("organization_id"),
		"ReplaceAttributeMappings": writes.in("organization_id"),
	},
	rollcallv1.SyncLogService_ServiceDesc.ServiceName: {
		"ListSyncLogEntries": reads.in("organization_id"),
		"GetSyncStatus":      reads.in("organization_id"),
	},
	rollcallv1.DirectoryJobService_ServiceDesc.ServiceName: {
		"ListDirectoryJobs": reads.in("organization_id"),
		"GetDirectoryJob":   reads.in("organization_id"),
	},
	rollcallv1.ApiClientService_ServiceDesc.ServiceName: {
		"CreateApiClient":       admin.keyed(),
		"ListApiClients":        admin,
		"GetApiClient":          admin,
		"UpdateApiClient":       admin,
		"RotateApiClientSecret": admin,
		"DeleteApiClient":       admin,
	},
	rollcallv1.NatsCredentialService_ServiceDesc.ServiceName: {
		"CreateNatsCredential": admin.keyed(),
		"ListNatsCredentials":  admin,
		"RevokeNatsCredential": admin,
	},
	rollcallv1.AuditService_ServiceDesc.ServiceName: {
		"ListAuditEntries": admin,
	},
}

// ruleOf finds the rule of "/package.Service/Method".
func ruleOf(procedure string) (rule, bool) {
	service, method, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	r, ok := rules[service][method]
	return r, ok
}

// call is the one way to the implementation, for all protocols: it calls next if
// the rules let the caller, whom the middleware has put into ctx.
func (c *core) call(ctx context.Context, procedure string, req proto.Message, next func(context.Context) (any, error)) (any, error) {
	r, ok := ruleOf(procedure)
	if !ok {
		r = admin // what it would answer is nobody else's business
	}
	ctx, err := c.admit(ctx, r, procedure, req)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Unimplemented, "This server does not offer this call.")
	}
	return next(ctx)
}

// admit makes the caller the principal of a call if its rule allows that. What is
// behind a handler of its own and not behind call has to ask here; req may then
// be any message with the field that the rule names.
func (c *core) admit(ctx context.Context, r rule, procedure string, req proto.Message) (context.Context, error) {
	p, ok := ctx.Value(callerKey{}).(principal)
	if !ok {
		return nil, errStale
	}
	if err := p.allowed(r, req); err != nil {
		return nil, err
	}
	if r.once {
		p.once = onceOf(ctx, p, procedure, req)
	}
	return context.WithValue(ctx, principalKey{}, p), nil
}

// allowed reports why the principal may not make a call, nil if it may.
func (p principal) allowed(r rule, req proto.Message) error {
	if !slices.Contains(p.scopes, r.scope) {
		return fault.New(fault.Forbidden, "This call needs the scope %q, which this API client or its token does not have.", r.scope)
	}
	if p.organization == "" {
		return nil
	}
	if r.organization == "" {
		return fault.New(fault.Forbidden, "This API client is restricted to one organization, and this call is not.")
	}
	id, ok := textAt(req.ProtoReflect(), r.organization)
	if !ok {
		return fault.New(fault.Internal, "The rule of this call names a field that its request does not have.")
	}
	switch id {
	case p.organization:
		return nil
	case "":
		return fault.New(fault.Forbidden, "This API client is restricted to one organization; %s must name it.", r.organization)
	default: // as if there were no other
		return fault.New(fault.NotFound, "There is no organization %q.", id)
	}
}

// textAt reads the text at a path of fields; a message on the way that is not
// there holds none. ok says that the path is one of the request's type.
func textAt(m protoreflect.Message, path string) (text string, ok bool) {
	for {
		name, rest, deeper := strings.Cut(path, ".")
		field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		switch {
		case field == nil || field.IsList() || field.IsMap():
			return "", false
		case !deeper:
			return m.Get(field).String(), field.Kind() == protoreflect.StringKind
		case field.Message() == nil:
			return "", false
		}
		m, path = m.Get(field).Message(), rest
	}
}
