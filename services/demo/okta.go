package demo

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// oktaClient sends what Okta's integration network apps send: PUT for profiles,
// a path-less PATCH for activation and group names, filters in the paths that
// remove members.
type oktaClient struct{ session }

func (o *oktaClient) greet(ctx context.Context) error {
	for _, path := range []string{"/Users?startIndex=1&count=2", "/Groups?startIndex=1&count=100"} {
		if _, err := o.send(ctx, http.MethodGet, path, nil, &listed{}); err != nil {
			return err
		}
	}
	return nil
}

func (o *oktaClient) play(ctx context.Context, c change) (string, time.Time, error) {
	switch c.kind { //nolint:exhaustive // Okta never sends the others
	case joinUser:
		return o.join(ctx, c)
	case changeUser:
		return o.update(ctx, c)
	case deactivate, reactivate:
		return o.patch(ctx, o.user(c.on), object{"op": "replace", "value": object{"active": c.kind == reactivate}})
	case createGroup:
		return o.create(ctx, "/Groups", fmt.Sprintf("displayName eq %q", c.name), "&startIndex=1&count=100",
			object{"schemas": []string{urnGroup}, "displayName": c.name, "members": []any{}})
	case confirmGroup, renameGroup:
		return o.patch(ctx, o.group(c.on), object{"op": "replace", "value": object{"id": o.id(c.on), "displayName": c.name}})
	case addMembers:
		return o.patch(ctx, o.group(c.on), object{"op": "add", "path": "members", "value": o.members(c.members)})
	case pushMembers:
		return o.patch(ctx, o.group(c.on), object{"op": "replace", "path": "members", "value": o.members(c.members)})
	case removeMembers:
		ops := make([]object, len(c.members))
		for i, m := range c.members {
			ops[i] = object{"op": "remove", "path": fmt.Sprintf("members[value eq %q]", o.id(m))}
		}
		return o.patch(ctx, o.group(c.on), ops...)
	case deleteGroup:
		return o.remove(ctx, o.group(c.on))
	}
	return "", time.Time{}, unknown(c)
}

func (o *oktaClient) join(ctx context.Context, c change) (string, time.Time, error) {
	p := c.person
	return o.create(ctx, "/Users", fmt.Sprintf("userName eq %q", o.address(p)), "&startIndex=1&count=100", object{
		"schemas":     []string{urnUser},
		"userName":    o.address(p),
		"name":        object{"givenName": p.given, "familyName": p.family},
		"emails":      []object{{"primary": true, "value": o.mail(c.on), "type": "work"}},
		"displayName": p.name(),
		"title":       p.title,
		"locale":      "en-US",
		"externalId":  fmt.Sprintf("00u%017d", c.on),
		"groups":      []any{},
		"password":    "1mz050nq" + strings.Repeat("x", 8), // Okta sends one; the server must drop it
		"active":      true,
	})
}

// update reads the profile and sends it back changed, with whatever else was in
// it.
func (o *oktaClient) update(ctx context.Context, c change) (string, time.Time, error) {
	var body object
	if _, err := o.send(ctx, http.MethodGet, o.user(c.on), nil, &body); err != nil {
		return "", time.Time{}, err
	}
	p := c.person
	body["userName"], body["title"], body["displayName"] = o.address(p), p.title, p.name()
	body["name"] = object{"givenName": p.given, "familyName": p.family}
	sent, err := o.send(ctx, http.MethodPut, o.user(c.on), body, nil)
	return "", sent, err
}

func (o *oktaClient) members(refs []ref) []object {
	out := make([]object, len(refs))
	for i, r := range refs {
		out[i] = object{"value": o.id(r), "display": o.mail(r)}
	}
	return out
}
