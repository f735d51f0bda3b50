// Package asyncapi describes the public events as an AsyncAPI 3 document: the
// subjects, headers and bodies of the stream EVENTS, and those of webhooks.
//
// The document is made from the registry of types, the payload structs and the
// golden files of events/public, so that it says what the program does.
//
// What must not live here: the events themselves (events/public), and what may
// change between two documents (test/asyncapi).
package asyncapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/rollcallhq/rollcall/events/public"
)

// version is that of the contract: the second number rises when something is
// added, the first never.
const version = "1.0.0"

// object is a JSON object whose members are written in the order of their names.
type object = map[string]any

// payloads holds a value of the data of every type.
var payloads = map[public.Type]any{
	public.OrganizationCreated: public.Organization{},
	public.OrganizationUpdated: public.Organization{},
	public.OrganizationDeleted: public.Organization{},
	public.DirectoryEnabled:    public.Directory{},
	public.DirectoryDisabled:   public.Directory{},
	public.UserCreated:         public.User{},
	public.UserUpdated:         public.User{},
	public.UserDeleted:         public.DeletedUser{},
	public.GroupCreated:        public.Group{},
	public.GroupUpdated:        public.Group{},
	public.GroupDeleted:        public.DeletedGroup{},
	public.RoleCreated:         public.Role{},
	public.RoleUpdated:         public.Role{},
	public.RoleDeleted:         public.Role{},
	public.PermissionCreated:   public.Permission{},
	public.PermissionUpdated:   public.Permission{},
	public.PermissionDeleted:   public.Permission{},
	public.MembershipCreated:   public.OrgMembership{},
	public.MembershipUpdated:   public.OrgMembership{},
	public.MembershipDeleted:   public.OrgMembership{},
	public.MembershipInvited:   public.OrgMembership{},
	public.DomainCreated:       public.Domain{},
	public.DomainDeleted:       public.Domain{},
	public.DomainVerified:      public.Domain{},
	public.DomainFailed:        public.Domain{},
	public.EndpointFailing:     public.Endpoint{},
	public.EndpointDisabled:    public.Endpoint{},
	public.EndpointTest:        public.Endpoint{},
}

// Document returns the document as JSON. It is the same bytes for one version of
// the program; nobody may change them.
var Document = sync.OnceValue(func() []byte {
	b, err := json.MarshalIndent(build(), "", "  ")
	if err != nil {
		panic(fmt.Sprintf("asyncapi: the document is no JSON: %v", err)) // made of maps and texts only
	}
	return append(b, '\n')
})

func build() object {
	types := public.Types()
	slices.Sort(types)
	s := &schemas{components: object{}}
	messages, stream, webhooks := object{}, object{}, object{}
	for _, t := range types {
		s.components[string(t)] = s.envelope(t)
		add := func(channel object, prefix, headers string) {
			key := prefix + string(t)
			messages[key] = message(t, headers)
			channel[string(t)] = ref("messages", key)
		}
		add(webhooks, "webhook.", "WebhookHeaders")
		if t != public.EndpointTest { // which is for one endpoint alone
			add(stream, "stream.", "StreamHeaders")
		}
	}
	s.components["StreamHeaders"], s.components["WebhookHeaders"] = streamHeaders, webhookHeaders
	return object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Rollcall events", "version": version,
			"description": "What an application learns of its customers' directories. The stream EVENTS and webhooks carry the same events with the same ids and bodies. " +
				"Members may be added to bodies and types to the list; none is taken away or changes its meaning. " +
				"An event can arrive more than once (by id), and behind a newer one of its resource (by data.version).",
			"license": object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"defaultContentType": "application/json",
		"servers": object{
			"nats":     server("nats", "The NATS server that the operator runs, with JetStream."),
			"receiver": server("https", "The host of a webhook endpoint's URL."),
		},
		"channels":   object{"stream": streamChannel(types, stream), "webhook": webhookChannel(webhooks)},
		"operations": object{"publishEvent": send("stream", object{}), "callWebhook": send("webhook", object{"http": object{"method": "POST", "bindingVersion": "0.3.0"}})},
		"components": object{"messages": messages, "schemas": s.components},
	}
}

func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

func message(t public.Type, headers string) object {
	names, bodies := t.Examples()
	examples := make([]any, 0, len(bodies))
	for i, b := range bodies {
		e := object{"payload": json.RawMessage(b)}
		if names[i] != "" {
			e["name"] = names[i]
		}
		examples = append(examples, e)
	}
	return object{
		"name": string(t), "title": t.Display(), "contentType": "application/json",
		"headers": ref("schemas", headers), "payload": ref("schemas", string(t)), "examples": examples,
	}
}

func server(protocol, text string) object {
	return object{
		"host": "{host}", "protocol": protocol, "description": text,
		"variables": object{"host": object{"description": "Host and port."}},
	}
}

func send(channel string, bindings object) object {
	return object{"action": "send", "channel": object{"$ref": "#/channels/" + channel}, "bindings": bindings}
}
