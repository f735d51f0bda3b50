package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// commandOf says which command makes each call of the API. TestScript runs all of
// them against a real server.
var commandOf = map[string]string{
	"rollcall.v1.ApiClientService/CreateApiClient":                                       "client create",
	"rollcall.v1.ApiClientService/DeleteApiClient":                                       "client delete",
	"rollcall.v1.ApiClientService/GetApiClient":                                          "client get",
	"rollcall.v1.ApiClientService/ListApiClients":                                        "client list",
	"rollcall.v1.ApiClientService/RotateApiClientSecret":                                 "client secret rotate",
	"rollcall.v1.ApiClientService/UpdateApiClient":                                       "client update",
	"rollcall.v1.AttributeMappingService/GetAttributeMappings":                           "directory attribute get",
	"rollcall.v1.AttributeMappingService/ReplaceAttributeMappings":                       "directory attribute set",
	"rollcall.v1.AuditService/ListAuditEntries":                                          "audit list",
	"rollcall.v1.DirectoryAccessService/GetAllowlist":                                    "directory allowlist get",
	"rollcall.v1.DirectoryAccessService/ReplaceAllowlist":                                "directory allowlist set",
	"rollcall.v1.DirectoryAccessService/RevokeSecret":                                    "directory secret revoke",
	"rollcall.v1.DirectoryJobService/GetDirectoryJob":                                    "mapping progress",
	"rollcall.v1.DirectoryJobService/ListDirectoryJobs":                                  "mapping progress",
	"rollcall.v1.DirectoryPolicyService/GetPolicy":                                       "directory policy get",
	"rollcall.v1.DirectoryPolicyService/UpdatePolicy":                                    "directory policy set",
	"rollcall.v1.DirectorySchemaService/GetExtensions":                                   "directory schema get",
	"rollcall.v1.DirectorySchemaService/ReplaceExtensions":                               "directory schema set",
	"rollcall.v1.EventService/ListEvents":                                                "event list",
	"rollcall.v1.NatsCredentialService/CreateNatsCredential":                             "nats create",
	"rollcall.v1.NatsCredentialService/ListNatsCredentials":                              "nats list",
	"rollcall.v1.NatsCredentialService/RevokeNatsCredential":                             "nats revoke",
	"rollcall.v1.SyncLogService/GetSyncStatus":                                           "directory status",
	"rollcall.v1.SyncLogService/ListSyncLogEntries":                                      "directory log",
	"rollcall.v1.UserHistoryService/AcceptInvitation":                                    "user membership accept",
	"rollcall.v1.UserHistoryService/ListUserHistory":                                     "user history",
	"rollcall.v1.WebhookEndpointService/CreateWebhookEndpoint":                           "webhook create",
	"rollcall.v1.WebhookEndpointService/DeleteWebhookEndpoint":                           "webhook delete",
	"rollcall.v1.WebhookEndpointService/GetDelivery":                                     "webhook attempts",
	"rollcall.v1.WebhookEndpointService/GetWebhookEndpoint":                              "webhook get",
	"rollcall.v1.WebhookEndpointService/ListDeliveries":                                  "webhook deliveries",
	"rollcall.v1.WebhookEndpointService/ListWebhookEndpoints":                            "webhook list",
	"rollcall.v1.WebhookEndpointService/RotateWebhookSecret":                             "webhook secret rotate",
	"rollcall.v1.WebhookEndpointService/TestWebhookEndpoint":                             "webhook test",
	"rollcall.v1.WebhookEndpointService/UpdateWebhookEndpoint":                           "webhook update",
	"rollcall.v1.WebhookReplayService/CancelWebhookReplay":                               "webhook replay cancel",
	"rollcall.v1.WebhookReplayService/CreateWebhookReplay":                               "webhook replay one",
	"rollcall.v1.WebhookReplayService/GetWebhookReplay":                                  "webhook replay get",
	"rollcall.v1.WebhookReplayService/ListWebhookReplays":                                "webhook replay list",
	"scalekit.v1.directories.DirectoryService/AssignRoles":                               "mapping set",
	"scalekit.v1.directories.DirectoryService/CreateDirectory":                           "directory create",
	"scalekit.v1.directories.DirectoryService/CreateDirectorySecret":                     "directory secret create",
	"scalekit.v1.directories.DirectoryService/DeleteDirectory":                           "directory delete",
	"scalekit.v1.directories.DirectoryService/DisableDirectory":                          "directory disable",
	"scalekit.v1.directories.DirectoryService/EnableDirectory":                           "directory enable",
	"scalekit.v1.directories.DirectoryService/GetDirectory":                              "directory get",
	"scalekit.v1.directories.DirectoryService/ListDirectories":                           "directory list",
	"scalekit.v1.directories.DirectoryService/ListDirectoryGroups":                       "directory groups",
	"scalekit.v1.directories.DirectoryService/ListDirectoryUsers":                        "directory users",
	"scalekit.v1.directories.DirectoryService/RegenerateDirectorySecret":                 "directory secret rotate",
	"scalekit.v1.directories.DirectoryService/UpdateDirectory":                           "directory update",
	"scalekit.v1.domains.DomainService/CreateDomain":                                     "domain create",
	"scalekit.v1.domains.DomainService/DeleteDomain":                                     "domain delete",
	"scalekit.v1.domains.DomainService/GetDomain":                                        "domain get",
	"scalekit.v1.domains.DomainService/ListDomains":                                      "domain list",
	"scalekit.v1.domains.DomainService/VerifyDomain":                                     "domain verify",
	"scalekit.v1.organizations.OrganizationService/CreateOrganization":                   "org create",
	"scalekit.v1.organizations.OrganizationService/DeleteOrganization":                   "org delete",
	"scalekit.v1.organizations.OrganizationService/DeletePortalLink":                     "org link delete",
	"scalekit.v1.organizations.OrganizationService/DeletePortalLinkByID":                 "org link delete",
	"scalekit.v1.organizations.OrganizationService/GeneratePortalLink":                   "org link create",
	"scalekit.v1.organizations.OrganizationService/GetOrganization":                      "org get",
	"scalekit.v1.organizations.OrganizationService/GetOrganizationByExternalId":          "org get",
	"scalekit.v1.organizations.OrganizationService/GetOrganizationUserManagementSetting": "org settings get",
	"scalekit.v1.organizations.OrganizationService/GetPortalLinks":                       "org link list",
	"scalekit.v1.organizations.OrganizationService/ListOrganization":                     "org list",
	"scalekit.v1.organizations.OrganizationService/SearchOrganization":                   "org search",
	"scalekit.v1.organizations.OrganizationService/UpdateOrganization":                   "org update",
	"scalekit.v1.organizations.OrganizationService/UpdateOrganizationSettings":           "org settings set",
	"scalekit.v1.organizations.OrganizationService/UpsertUserManagementSettings":         "org settings set",
	"scalekit.v1.roles.RolesService/AddPermissionsToRole":                                "role permission add",
	"scalekit.v1.roles.RolesService/CreateOrganizationRole":                              "role create",
	"scalekit.v1.roles.RolesService/CreatePermission":                                    "permission create",
	"scalekit.v1.roles.RolesService/CreateRole":                                          "role create",
	"scalekit.v1.roles.RolesService/DeleteOrganizationRole":                              "role delete",
	"scalekit.v1.roles.RolesService/DeleteOrganizationRoleBase":                          "role detach",
	"scalekit.v1.roles.RolesService/DeletePermission":                                    "permission delete",
	"scalekit.v1.roles.RolesService/DeleteRole":                                          "role delete",
	"scalekit.v1.roles.RolesService/DeleteRoleBase":                                      "role detach",
	"scalekit.v1.roles.RolesService/GetOrganizationRole":                                 "role get",
	"scalekit.v1.roles.RolesService/GetOrganizationRoleUsersCount":                       "role users",
	"scalekit.v1.roles.RolesService/GetPermission":                                       "permission get",
	"scalekit.v1.roles.RolesService/GetRole":                                             "role get",
	"scalekit.v1.roles.RolesService/GetRoleUsersCount":                                   "role users",
	"scalekit.v1.roles.RolesService/ListDependentRoles":                                  "role dependents",
	"scalekit.v1.roles.RolesService/ListEffectiveRolePermissions":                        "role permission list",
	"scalekit.v1.roles.RolesService/ListOrganizationRoles":                               "role list",
	"scalekit.v1.roles.RolesService/ListPermissions":                                     "permission list",
	"scalekit.v1.roles.RolesService/ListRolePermissions":                                 "role permission list",
	"scalekit.v1.roles.RolesService/ListRoles":                                           "role list",
	"scalekit.v1.roles.RolesService/RemovePermissionFromRole":                            "role permission remove",
	"scalekit.v1.roles.RolesService/UpdateDefaultOrganizationRoles":                      "role defaults",
	"scalekit.v1.roles.RolesService/UpdateDefaultRoles":                                  "role defaults",
	"scalekit.v1.roles.RolesService/UpdateOrganizationRole":                              "role update",
	"scalekit.v1.roles.RolesService/UpdatePermission":                                    "permission update",
	"scalekit.v1.roles.RolesService/UpdateRole":                                          "role update",
	"scalekit.v1.users.UserService/AssignUserRoles":                                      "user role add",
	"scalekit.v1.users.UserService/CreateMembership":                                     "user membership create",
	"scalekit.v1.users.UserService/CreateUserAndMembership":                              "user create",
	"scalekit.v1.users.UserService/DeleteMembership":                                     "user membership delete",
	"scalekit.v1.users.UserService/DeleteUser":                                           "user delete",
	"scalekit.v1.users.UserService/GetUser":                                              "user get",
	"scalekit.v1.users.UserService/ListOrganizationUsers":                                "user list",
	"scalekit.v1.users.UserService/ListUserPermissions":                                  "user permissions",
	"scalekit.v1.users.UserService/ListUserRoles":                                        "user role list",
	"scalekit.v1.users.UserService/ListUsers":                                            "user list",
	"scalekit.v1.users.UserService/RemoveUserRole":                                       "user role remove",
	"scalekit.v1.users.UserService/ResendInvite":                                         "user membership resend",
	"scalekit.v1.users.UserService/SearchOrganizationUsers":                              "user search",
	"scalekit.v1.users.UserService/SearchUsers":                                          "user search",
	"scalekit.v1.users.UserService/UpdateMembership":                                     "user membership update",
	"scalekit.v1.users.UserService/UpdateUser":                                           "user update",
}

// withoutCommand says why a call has none.
var withoutCommand = map[string]string{
	"rollcall.v1.WebhookEndpointService/ListDeliveryAttempts":             "GetDelivery holds the same attempts, and \"webhook attempts\" shows the delivery too",
	"scalekit.v1.directories.DirectoryService/AssignGroupsForDirectory":   "no server offers it: SCIM directories have the groups that are sent",
	"scalekit.v1.directories.DirectoryService/GetDirectoryContext":        "no server offers it: there is nothing to keep",
	"scalekit.v1.directories.DirectoryService/ListDirectoryGroupsSummary": "ListDirectoryGroups shows more, and to the end",
	"scalekit.v1.directories.DirectoryService/TriggerDirectorySync":       "no server offers it: SCIM directories are pushed",
	"scalekit.v1.directories.DirectoryService/UpdateAttributes":           "ReplaceAttributeMappings says the same with several sources and a default",
	"scalekit.v1.directories.DirectoryService/UpdateDirectoryContext":     "no server offers it: there is nothing to keep",
	"scalekit.v1.domains.DomainService/UpdateDomain":                      "its request has no field that could change",
	"scalekit.v1.events.EventsService/ListEventsPaginated":                "ListEvents shows the same events, and can wait for more",
}

// TestCommands holds the table to the API and to the command line.
func TestCommands(t *testing.T) {
	t.Parallel()
	calls := map[string]bool{}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if p := string(f.Package()); !strings.HasPrefix(p, "rollcall.v1") && !strings.HasPrefix(p, "scalekit.v1") {
			return true
		}
		for i := range f.Services().Len() {
			service := f.Services().Get(i)
			for j := range service.Methods().Len() {
				calls[string(service.FullName())+"/"+string(service.Methods().Get(j).Name())] = true
			}
		}
		return true
	})
	if len(calls) == 0 {
		t.Fatal("no service is registered")
	}
	for call := range calls {
		switch _, why := withoutCommand[call]; {
		case commandOf[call] == "" && !why:
			t.Errorf("%s has no command, and nobody says why", call)
		case commandOf[call] != "" && why:
			t.Errorf("%s has the command %q and a reason to have none", call, commandOf[call])
		}
	}
	parser, err := new(cli).parser(kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, leaf := range parser.Model.Leaves(true) {
		words = append(words, strings.TrimSpace(leaf.Path()))
	}
	for call, command := range commandOf {
		if !calls[call] {
			t.Errorf("the API has no call %s", call)
		}
		if !slices.Contains(words, command) {
			t.Errorf("there is no command %q, which should make the call %s", command, call)
		}
	}
	for call := range withoutCommand {
		if !calls[call] {
			t.Errorf("the API has no call %s", call)
		}
	}
}
