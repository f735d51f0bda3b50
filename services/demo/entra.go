package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// entraClient sends what Microsoft Entra ID sends by default: PATCH with one
// path per operation, capital verbs, booleans as text, members with a null $ref,
// and DELETE for users.
type entraClient struct{ session }

// greet looks for somebody who is not there and wants an empty list.
func (e *entraClient) greet(ctx context.Context) error {
	var found listed
	_, err := e.send(ctx, http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "6d2f1f3c-9c41-4a0b-9f5a-0d8a2f3b7c11"`), nil, &found)
	if err == nil && found.Total != 0 {
		err = fmt.Errorf("a look-up of a user that does not exist found %d", found.Total)
	}
	return err
}

func (e *entraClient) play(ctx context.Context, c change) (string, time.Time, error) {
	switch c.kind { //nolint:exhaustive // Entra ID never sends the others
	case joinUser:
		return e.join(ctx, c)
	case changeUser:
		p := c.person
		return e.patch(ctx, e.user(c.on),
			replace("userName", e.address(p)),
			replace("displayName", p.name()),
			replace("name.givenName", p.given),
			replace("name.familyName", p.family),
			replace("title", p.title),
			object{"op": "Add", "path": urnEnterprise + ":department", "value": p.department},
		)
	case deactivate:
		return e.patch(ctx, e.user(c.on), replace("active", "False"))
	case reactivate:
		return e.patch(ctx, e.user(c.on), replace("active", "True"))
	case deleteUser:
		return e.remove(ctx, e.user(c.on))
	case createGroup:
		return e.create(ctx, "/Groups", fmt.Sprintf("displayName eq %q", c.name), "&excludedAttributes=members", object{
			"schemas":     []string{urnGroup, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"},
			"externalId":  fmt.Sprintf("8aa1a0c0-c4c3-4bc0-b4a5-%012d", c.on),
			"displayName": c.name,
			"meta":        object{"resourceType": "Group"},
		})
	case renameGroup:
		return e.patch(ctx, e.group(c.on), replace("displayName", c.name))
	case addMembers:
		return e.patch(ctx, e.group(c.on), object{"op": "Add", "path": "members", "value": e.members(c.members)})
	case removeMembers:
		return e.patch(ctx, e.group(c.on), object{"op": "Remove", "path": "members", "value": e.members(c.members)})
	case deleteGroup:
		return e.remove(ctx, e.group(c.on))
	}
	return "", time.Time{}, unknown(c)
}

func (e *entraClient) join(ctx context.Context, c change) (string, time.Time, error) {
	p := c.person
	return e.create(ctx, "/Users", fmt.Sprintf("userName eq %q", e.address(p)), "", object{
		"schemas":     []string{urnUser, urnEnterprise},
		"externalId":  fmt.Sprintf("0a21f0f2-8d2a-4f8e-bf98-%012d", c.on),
		"userName":    e.address(p),
		"active":      "True",
		"displayName": p.name(),
		"emails":      []object{{"primary": true, "type": "work", "value": e.mail(c.on)}},
		"meta":        object{"resourceType": "User"},
		"name":        object{"givenName": p.given, "familyName": p.family},
		"title":       p.title,
		"roles":       []any{},
		urnEnterprise: object{"department": p.department},
	})
}

func (e *entraClient) members(refs []ref) []object {
	out := make([]object, len(refs))
	for i, r := range refs {
		out[i] = object{"$ref": nil, "value": e.id(r)}
	}
	return out
}

func replace(path string, value any) object {
	return object{"op": "Replace", "path": path, "value": value}
}
