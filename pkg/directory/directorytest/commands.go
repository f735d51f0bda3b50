package directorytest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// The pools are small, so that random commands meet each other.
var (
	names   = []string{"ada", "Ada", "bob", "cleo", "d&d<>", "zoë", "\u2028"}
	domains = []string{"acme.example", "mail.acme.example", "globex.example"}
	titles  = []string{"Editors", "editors", "Readers", "R & D", "日本"}
)

// Commands draws random commands for a world.
type Commands struct {
	T *rapid.T
	W *World
}

func (c Commands) pick(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(c.T, label)
}

func (c Commands) chance(label string) bool { return rapid.Bool().Draw(c.T, label) }

// any returns the last part of a random key of a table, or an id that does not
// exist if there is none.
func (c Commands) any(table directory.Table, scope ...string) string {
	var ids []string
	_ = c.W.Rows.Scan(directory.Make(table, scope...), "", func(k directory.Key, _ directory.Row) bool {
		ids = append(ids, k.Last())
		return true
	})
	if len(ids) == 0 {
		return "none_000000000000000000"
	}
	return c.pick("one of "+string(table), ids)
}

// some returns up to n random ids of a directory's users and groups, now and
// then one of somebody who was deleted, a name, or one that is not there.
func (c Commands) some(dir string, n int) []string {
	out := []string{}
	for range rapid.IntRange(0, n).Draw(c.T, "how many members") {
		switch rapid.IntRange(0, 9).Draw(c.T, "kind of member") {
		case 0:
			out = append(out, "diruser_000000000000000000")
		case 1:
			out = append(out, c.any(directory.TableFormer, dir))
		case 2:
			out = append(out, c.pick("member's externalId", names))
		case 3:
			out = append(out, c.pick("member's name", names)+"@"+c.pick("member's domain", domains))
		case 4, 5:
			out = append(out, c.any(directory.TableGroup, dir))
		default:
			out = append(out, c.any(directory.TableUser, dir))
		}
	}
	return out
}

func (c Commands) directory() *directory.Directory {
	r, _ := c.W.Rows.Get(directory.Make(directory.TableDirectory, c.any(directory.TableDirectory)))
	d, _ := r.(*directory.Directory)
	if d == nil {
		return &directory.Directory{ID: "dir_0", Organization: "org_0"}
	}
	return d
}

// scope returns what a random secret opens.
func (c Commands) scope() directory.Scope {
	r, _ := c.W.Rows.Get(directory.Make(directory.TableSecret, c.any(directory.TableSecret)))
	s, ok := r.(*directory.Secret)
	if !ok {
		return directory.Scope{Organization: "org_0", Directory: "dir_0", Secret: "sec_0", SecretHash: make([]byte, 32)}
	}
	return directory.Scope{Organization: s.Organization, Directory: s.Directory, Secret: s.ID, SecretHash: s.Hash}
}

func (c Commands) user() events.UserState {
	address := c.pick("name", names) + "@" + c.pick("domain", domains)
	more := map[string]any{}
	if c.chance("externalId") {
		more["externalId"] = c.pick("external", names)
	}
	if c.chance("displayName") {
		more["displayName"] = c.pick("display", names)
	}
	if c.chance("inactive") {
		more["active"] = false
	}
	if c.chance("second address") {
		more["emails"] = []any{
			map[string]any{"value": c.pick("mail name", names) + "@" + c.pick("mail domain", domains), "type": "work"},
			map[string]any{"value": address, "type": "home"},
		}
	}
	return User(address, more)
}

func (c Commands) group() events.GroupState {
	if c.chance("group externalId") {
		return Group(c.pick("title", titles), map[string]any{"externalId": c.pick("group external", names)})
	}
	return Group(c.pick("title", titles))
}

func (c Commands) patch(group bool, dir string) patch.Request {
	var ops []map[string]any
	kind := patch.User
	for range rapid.IntRange(1, 3).Draw(c.T, "operations") {
		verb := c.pick("verb", []string{"add", "replace", "Replace", "remove"})
		op := map[string]any{"op": verb}
		if group {
			kind = patch.Group
			switch rapid.IntRange(0, 3).Draw(c.T, "group operation") {
			case 0:
				op = map[string]any{"op": "replace", "path": "displayName", "value": c.pick("new title", titles)}
			case 1:
				op = map[string]any{"op": "remove", "path": fmt.Sprintf("members[value eq %q]", c.any(directory.TableUser, dir))}
			default:
				op["path"] = "members"
				var values []any
				for _, id := range c.some(dir, 4) {
					values = append(values, map[string]any{"value": id})
				}
				op["value"] = values
			}
		} else {
			op["op"] = "replace"
			switch rapid.IntRange(0, 3).Draw(c.T, "user operation") {
			case 0:
				op["path"], op["value"] = "active", c.pick("active", []string{"True", "False"})
			case 1:
				op["path"], op["value"] = "displayName", c.pick("new display", names)
			case 2:
				op["path"], op["value"] = "userName", c.pick("new name", names)+"@"+c.pick("new domain", domains)
			case 3:
				op["value"] = map[string]any{"title": c.pick("job", titles), "name": map[string]any{"givenName": c.pick("given", names)}}
			}
		}
		ops = append(ops, op)
	}
	body, err := json.Marshal(map[string]any{"Operations": ops})
	if err != nil {
		panic(err)
	}
	r, err := patch.Parse(nil, kind, body)
	if err != nil {
		c.T.Fatalf("the drawn PATCH %s does not parse: %v", body, err)
	}
	return r
}

// expect draws what the sender of a write expects: mostly nothing.
func (c Commands) expect() directory.Precondition {
	switch rapid.IntRange(0, 7).Draw(c.T, "expectation") {
	case 0:
		return directory.Precondition{Any: true}
	case 1:
		return directory.Precondition{Revisions: rapid.SliceOfN(rapid.Uint64Range(0, 3), 1, 3).Draw(c.T, "revisions")}
	}
	return directory.Precondition{}
}

// Setup makes a world that has something to do: two organizations, of which
// the first has a directory, and policies that let most users in.
func Setup(t TB) *World {
	w := NewWorld()
	hash := make([]byte, 32)
	w.Must(t, directory.Bootstrap{SecretHash: hash, SecretSuffix: "abcd", Public: []byte{1}, Sealed: []byte{2}})
	org := w.Organization(t, "acme", "acme.example")
	w.Organization(t, "globex", "globex.example")
	w.Directory(t, org)
	return w
}

// Provisioning draws a command as a provider sends it.
func (c Commands) Provisioning() directory.Command {
	s := c.scope()
	switch rapid.IntRange(0, 15).Draw(c.T, "provider") {
	case 0, 1, 2, 3:
		return directory.CreateUser{Scope: s, State: c.user()}
	case 4, 5:
		return directory.ReplaceUser{Scope: s, ID: c.any(directory.TableUser, s.Directory), State: c.user(), KeepActive: c.chance("keep active"), IfMatch: c.expect()}
	case 6, 7:
		return directory.PatchUser{Scope: s, ID: c.any(directory.TableUser, s.Directory), Patch: c.patch(false, s.Directory), IfMatch: c.expect()}
	case 8:
		return directory.DeleteUser{Scope: s, ID: c.any(directory.TableUser, s.Directory), IfMatch: c.expect()}
	case 9, 10:
		return directory.CreateGroup{Scope: s, State: c.group(), Members: c.some(s.Directory, 5)}
	case 11, 12:
		return directory.ReplaceGroup{Scope: s, ID: c.any(directory.TableGroup, s.Directory), State: c.group(), Members: c.some(s.Directory, 5), IfMatch: c.expect()}
	case 13, 14:
		return directory.PatchGroup{Scope: s, ID: c.any(directory.TableGroup, s.Directory), Patch: c.patch(true, s.Directory), IfMatch: c.expect()}
	default:
		return directory.DeleteGroup{Scope: s, ID: c.any(directory.TableGroup, s.Directory), IfMatch: c.expect()}
	}
}

// Administrative draws a command as an API client sends it.
func (c Commands) Administrative() directory.Command {
	org, dir := c.any(directory.TableOrganization), c.directory()
	text := func(label string, from ...string) *string { s := c.pick(label, from); return &s }
	switch rapid.IntRange(0, 27).Draw(c.T, "administrator") {
	case 25:
		return directory.UpdateDirectory{
			Organization: dir.Organization, Directory: dir.ID, Name: text("directory name", titles...), Provider: text("new provider", "", "OKTA", "GOOGLE"),
		}
	case 26:
		return directory.RotateDirectorySecret{
			Organization: dir.Organization, Directory: dir.ID, Hash: c.W.Secret(), Suffix: "wxyz",
			Overlap: rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(c.T, "overlap"),
		}
	case 27:
		return directory.AllowDirectoryNetworks{
			Organization: dir.Organization, Directory: dir.ID, Networks: rapid.SampledFrom([][]string{nil, {"192.0.2.0/24"}, {"2001:db8::/32", "x"}}).Draw(c.T, "networks"),
		}
	case 24:
		return directory.ChangeOrganizationSettings{
			Organization: org, MaxUsers: new(rapid.SampledFrom([]int{0, 0, 3, 50}).Draw(c.T, "most users")),
			Features: []events.OrganizationFeature{{Name: directory.FeatureSSO, Enabled: c.chance("sso")}},
		}
	case 22, 23:
		return directory.RegisterDirectorySchemas{Organization: dir.Organization, Directory: dir.ID, Extensions: c.extensions()}
	case 20, 21:
		return directory.MapDirectoryAttributes{Organization: dir.Organization, Directory: dir.ID, Mappings: c.mappings()}
	case 0:
		return directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: c.pick("org name", titles), ExternalID: c.pick("org external", []string{"", "acme", "initech"})}}
	case 1:
		return directory.UpdateOrganization{
			Organization: org, DisplayName: text("new org name", titles...), ExternalID: text("new org external", "", "acme", "initech"),
			Metadata: rapid.SampledFrom([]map[string]string{nil, {}, {"tier": "<gold>"}}).Draw(c.T, "metadata"),
		}
	case 2:
		return directory.DeleteOrganization{Organization: org}
	case 3, 4:
		return directory.CreateDomain{
			Organization: org, Domain: c.pick("domain", domains), Kind: c.pick("kind", []string{"", directory.DomainAllowedEmail, directory.DomainOfOrganization}),
			Token: c.pick("token", []string{"", "", "0123456789abcdef0123456789abcdef"}),
		}
	case 5:
		switch domain := c.any(directory.TableDomain, org); rapid.IntRange(0, 3).Draw(c.T, "of a domain") {
		case 0:
			return directory.ConfirmDomain{Organization: org, ID: domain, Secret: "rollcall-verification=0123456789abcdef0123456789abcdef"} //nolint:gosec // no secret: a record that everybody may read
		case 1:
			return directory.FailDomain{Organization: org, ID: domain}
		}
		return directory.DeleteDomain{Organization: org, ID: c.any(directory.TableDomain, org)}
	case 6:
		return directory.CreateDirectory{Organization: org, Kind: "SCIM", Provider: c.pick("provider", []string{"", "OKTA"})}
	case 7, 8:
		return directory.EnableDirectory{Organization: dir.Organization, Directory: dir.ID}
	case 9:
		return directory.DisableDirectory{Organization: dir.Organization, Directory: dir.ID}
	case 10:
		return directory.DeleteDirectory{Organization: dir.Organization, Directory: dir.ID}
	case 11, 12:
		return directory.ChangeDirectoryPolicy{
			Organization: dir.Organization, Directory: dir.ID,
			DomainPolicy:      text("domain policy", directory.DomainPolicyOff, directory.DomainPolicyEnforce),
			EmailPolicy:       text("email policy", directory.EmailPolicyFollow, directory.EmailPolicyImmutable),
			DeactivationEvent: text("deactivation", directory.DeactivationDeletes, directory.DeactivationUpdates),
			Conformance:       text("conformance", directory.ConformanceLenient, directory.ConformanceStrict),
		}
	case 13, 14:
		return directory.CreateDirectorySecret{Organization: dir.Organization, Directory: dir.ID, Hash: c.W.Secret(), Suffix: "wxyz"}
	case 15:
		return directory.RevokeDirectorySecret{Organization: dir.Organization, Directory: dir.ID, ID: c.any(directory.TableDirectorySecret, dir.ID)}
	case 16:
		return directory.CreateWebhookEndpoint{
			Config:             events.WebhookEndpointConfig{URL: "https://acme.example/?a=1&b=2", EventTypes: []string{"*"}, Enabled: true},
			WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{1, 2, 3}},
		}
	case 17:
		return directory.UpdateWebhookEndpoint{
			ID: c.any(directory.TableEndpoint), Description: text("description", names...),
			EventTypes: rapid.SampledFrom([][]string{nil, {}, {"organization.*"}}).Draw(c.T, "event types"),
		}
	case 18:
		if c.chance("delete endpoint") {
			return directory.DeleteWebhookEndpoint{ID: c.any(directory.TableEndpoint)}
		}
		if c.chance("replay") {
			return c.replay(c.any(directory.TableEndpoint))
		}
		return directory.ChangeWebhookSecret{ID: c.any(directory.TableEndpoint), WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte(c.pick("sealed", names))}}
	default:
		if c.chance("delete client") {
			return directory.DeleteAPIClient{ID: c.any(directory.TableClient)}
		}
		if c.chance("NATS credential") {
			return c.nats()
		}
		return c.client()
	}
}

// nats draws a command about NATS credentials.
func (c Commands) nats() directory.Command {
	if c.chance("revoke") {
		return directory.RevokeNATSCredential{ID: c.any(directory.TableNATSCredential)}
	}
	return directory.CreateNATSCredential{
		Name: c.pick("NATS client", names), Organization: rapid.SampledFrom([]string{"", c.any(directory.TableOrganization)}).Draw(c.T, "organization"),
		PublicKey:  "U" + strings.Repeat("A", 54) + rapid.SampledFrom([]string{"A", "B", "C", "D", "1"}).Draw(c.T, "key"),
		EventTypes: rapid.SampledFrom([][]string{nil, {"organization.directory.user_created"}, {"x"}}).Draw(c.T, "event types"),
	}
}

// client draws a command about API clients.
func (c Commands) client() directory.Command {
	scopes := rapid.SampledFrom([][]string{nil, {"read"}, {"admin", "read"}, {"write", "write"}, {"root"}}).Draw(c.T, "scopes")
	switch rapid.IntRange(0, 3).Draw(c.T, "kind of client command") {
	case 0:
		name := c.pick("client", names)
		return directory.UpdateAPIClient{ID: c.any(directory.TableClient), Name: &name, Scopes: &scopes}
	case 1:
		return directory.ChangeAPIClientSecret{ID: c.any(directory.TableClient), Hash: c.W.Secret(), Suffix: "wxyz", Overlap: time.Hour}
	case 2:
		return directory.CreateAPIClient{Name: c.pick("client", names), Hash: c.W.Secret(), Suffix: "wxyz", Scopes: scopes, Organization: c.any(directory.TableOrganization)}
	}
	return directory.CreateAPIClient{Name: c.pick("client", names), Hash: c.W.Secret(), Suffix: "wxyz", Scopes: scopes}
}

// replay draws what happens to an endpoint's replays.
func (c Commands) replay(endpoint string) directory.Command {
	id := c.any(directory.TableReplay, endpoint)
	switch c.pick("replay", []string{"request", "cancel", "finish"}) {
	case "cancel":
		return directory.CancelWebhookReplay{Endpoint: endpoint, ID: id}
	case "finish":
		return directory.FinishWebhookReplay{ID: id, WebhookReplayFinished: events.WebhookReplayFinished{Endpoint: endpoint, Queued: 2, Delivered: 1, Dead: 1}}
	}
	return directory.RequestWebhookReplay{WebhookReplayRequested: events.WebhookReplayRequested{Endpoint: endpoint, Kind: directory.ReplayDelivery, EventID: "evt_1", Seq: 1}}
}

// mappings draws an attribute mapping whose sources now and then lead somewhere.
func (c Commands) mappings() []events.AttributeMapping {
	out := []events.AttributeMapping{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"name", "title", "badge", "site"}), 0, 3, rapid.ID).Draw(c.T, "mapped") {
		m := events.AttributeMapping{Key: key, Default: c.pick("default", []string{"", "R & D"})}
		m.Sources = rapid.SliceOfN(rapid.SampledFrom([]string{
			"displayName", "title", "email", "phone_number", `emails[type eq "home"].value`, "name.givenName", "emails", "active", "urn:acme:1.0:User:badge",
		}), 1, 3).Draw(c.T, "sources")
		out = append(out, m)
	}
	return out
}

// extensions draws extensions of users and groups; now and then the set is wrong.
func (c Commands) extensions() []events.DirectoryExtension {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) events.DirectoryExtension {
		return events.DirectoryExtension{
			Resource: rapid.SampledFrom([]string{"User", "User", "Group"}).Draw(t, "resource"),
			Definition: json.RawMessage(fmt.Sprintf(`{"id":"urn:acme:%s:User","name":"R & D","attributes":[{"name":"badge","type":%q}]}`,
				rapid.SampledFrom([]string{"1.0", "2.0", "3.0"}).Draw(t, "version"), rapid.SampledFrom([]string{"string", "integer", "boolean"}).Draw(t, "type"))),
		}
	}), 0, 3).Draw(c.T, "extensions")
}

// Fanout returns the next step of a pending job, nil if there is none.
func (c Commands) Fanout() directory.Command {
	var jobs []directory.ContinueFanout
	_ = c.W.Rows.Scan(directory.Make(directory.TableFanout), "", func(_ directory.Key, r directory.Row) bool {
		j := r.(*directory.Fanout) //nolint:errcheck // the table says what its rows are
		jobs = append(jobs, directory.ContinueFanout{Job: j.Job, After: j.After})
		return true
	})
	if len(jobs) == 0 {
		return nil
	}
	return rapid.SampledFrom(jobs).Draw(c.T, "job")
}

// Next draws any command.
func (c Commands) Next() directory.Command {
	kind := rapid.IntRange(0, 9).Draw(c.T, "whose")
	if kind == 0 {
		if f := c.Fanout(); f != nil {
			return f
		}
	}
	switch {
	case kind <= 2:
		return c.Administrative()
	case kind == 3:
		return c.Roles()
	case kind == 4:
		return c.Persons()
	}
	return c.Provisioning()
}

// Run lets n random commands happen; refusals are part of it.
func Run(t *rapid.T, w *World, n int) {
	c := Commands{T: t, W: w}
	for range n {
		cmd := c.Next()
		if _, err := w.Try(cmd); err != nil && !refusal(err) {
			t.Fatalf("%T fails: %v", cmd, err)
		}
	}
}

// Finish takes every pending fan-out to its end.
func Finish(t TB, w *World) {
	t.Helper()
	for {
		var next []directory.ContinueFanout
		if err := w.Rows.Scan(directory.Make(directory.TableFanout), "", func(_ directory.Key, r directory.Row) bool {
			j := r.(*directory.Fanout) //nolint:errcheck // the table says what its rows are
			next = append(next, directory.ContinueFanout{Job: j.Job, After: j.After})
			return true
		}); err != nil {
			t.Fatalf("scan the fan-outs: %v", err)
		}
		if len(next) == 0 {
			return
		}
		for _, c := range next {
			w.Must(t, c)
		}
	}
}
