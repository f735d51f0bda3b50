package operate

import (
	"context"

	"google.golang.org/protobuf/types/known/wrapperspb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

// nameable lists what fields can name, by their tag "of": the first page of it,
// since nobody chooses from more. given is what is named already.
var nameable = map[string]func(ctx context.Context, s *Server, given map[string]string) ([]word, error){
	"org": func(ctx context.Context, s *Server, _ map[string]string) ([]word, error) {
		r, err := s.organizations().ListOrganization(ctx, &organizations.ListOrganizationsRequest{PageSize: most})
		var all []word
		for _, o := range r.GetOrganizations() {
			all = append(all, word{o.GetExternalId(), o.GetDisplayName()}, word{o.GetId(), o.GetDisplayName()})
		}
		return all, err
	},
	"directory": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		r, err := s.directories().ListDirectories(ctx, &directories.ListDirectoriesRequest{OrganizationId: given["org"]})
		return words(r.GetDirectories(), func(d *directories.Directory) word { return word{d.GetId(), d.GetName()} }), err
	},
	"group": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		r, err := s.directories().ListDirectoryGroups(ctx, &directories.ListDirectoryGroupsRequest{OrganizationId: given["org"], DirectoryId: given["directory"], PageSize: mostResources})
		return words(r.GetGroups(), func(g *directories.DirectoryGroup) word { return word{g.GetId(), g.GetDisplayName()} }), err
	},
	"secret": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		r, err := s.directories().GetDirectory(ctx, &directories.GetDirectoryRequest{OrganizationId: given["org"], Id: given["directory"]})
		return words(r.GetDirectory().GetSecrets(), func(k *directories.Secret) word { return word{k.GetId(), "ends in " + k.GetSecretSuffix()} }), err
	},
	"job": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		r, err := s.jobs().ListDirectoryJobs(ctx, &rollcallv1.ListDirectoryJobsRequest{OrganizationId: given["org"], DirectoryId: given["directory"]})
		return words(r.GetJobs(), func(j *rollcallv1.DirectoryJob) word { return word{j.GetId(), j.GetKind() + " " + j.GetStatus()} }), err
	},
	"domain": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		r, err := s.domains().ListDomains(ctx, &domains.ListDomainRequest{
			Identities: &domains.ListDomainRequest_OrganizationId{OrganizationId: given["org"]}, PageSize: wrapperspb.Int32(most),
		})
		return words(r.GetDomains(), func(d *domains.Domain) word { return word{d.GetId(), d.GetDomain()} }), err
	},
	"link": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		r, err := s.organizations().GetPortalLinks(ctx, &organizations.GetPortalLinkRequest{Id: given["org"]})
		return words(r.GetLinks(), func(l *organizations.Link) word { return word{l.GetId(), "until " + when(l.GetExpireTime())} }), err
	},
	"user": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		named := func(u *users.User) word { return word{u.GetId(), u.GetEmail()} }
		if given["org"] != "" {
			r, err := s.users().ListOrganizationUsers(ctx, &users.ListOrganizationUsersRequest{OrganizationId: given["org"], PageSize: most})
			return words(r.GetUsers(), named), err
		}
		r, err := s.users().ListUsers(ctx, &users.ListUsersRequest{PageSize: most})
		return words(r.GetUsers(), named), err
	},
	"role": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		named := func(r *roles.Role) word { return word{r.GetName(), r.GetDisplayName()} }
		if given["org"] != "" {
			r, err := s.roles().ListOrganizationRoles(ctx, &roles.ListOrganizationRolesRequest{OrgId: given["org"]})
			return words(r.GetRoles(), named), err
		}
		r, err := s.roles().ListRoles(ctx, &roles.ListRolesRequest{})
		return words(r.GetRoles(), named), err
	},
	"endpoint": func(ctx context.Context, s *Server, _ map[string]string) ([]word, error) {
		r, err := s.webhooks().ListWebhookEndpoints(ctx, &rollcallv1.ListWebhookEndpointsRequest{PageSize: most})
		return words(r.GetEndpoints(), func(e *rollcallv1.WebhookEndpoint) word { return word{e.GetId(), e.GetUrl()} }), err
	},
	"replay": func(ctx context.Context, s *Server, given map[string]string) ([]word, error) {
		r, err := s.replays().ListWebhookReplays(ctx, &rollcallv1.ListWebhookReplaysRequest{EndpointId: given["endpoint"], PageSize: most})
		return words(r.GetReplays(), func(p *rollcallv1.WebhookReplay) word { return word{p.GetId(), p.GetKind() + " " + p.GetStatus()} }), err
	},
	"client": func(ctx context.Context, s *Server, _ map[string]string) ([]word, error) {
		r, err := s.clients().ListApiClients(ctx, &rollcallv1.ListApiClientsRequest{PageSize: most})
		return words(r.GetClients(), func(c *rollcallv1.ApiClient) word { return word{c.GetId(), c.GetName()} }), err
	},
	"credential": func(ctx context.Context, s *Server, _ map[string]string) ([]word, error) {
		r, err := s.nats().ListNatsCredentials(ctx, &rollcallv1.ListNatsCredentialsRequest{PageSize: most})
		return words(r.GetCredentials(), func(c *rollcallv1.NatsCredential) word { return word{c.GetId(), c.GetName()} }), err
	},
}

func words[M any](list []M, f func(M) word) []word {
	var all []word
	for _, m := range list {
		all = append(all, f(m))
	}
	return all
}
