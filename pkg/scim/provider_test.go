package scim_test

// Bodies as identity providers send them on create.
const (
	oktaUser = `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
		"userName": "jane@acme.example",
		"name": {"givenName": "Jane", "familyName": "Doe"},
		"emails": [{"primary": true, "value": "jane@acme.example", "type": "work"}],
		"displayName": "Jane Doe", "locale": "en-US", "externalId": "00u1", "groups": [], "password": "1mz050nq", "active": true,
		"urn:okta:acme_1:1.0:user:custom": {"badge": 7}
	}`
	entraUser = `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"externalId": "jane", "userName": "jane@acme.example", "active": "False", "title": null,
		"addresses": [{"type": "other", "Formatted": "1 Way", "country": "DE"}],
		"emails": [{"type": "work", "value": "jane@acme.example"}],
		"meta": {"resourceType": "User"}, "roles": [],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "manager": "42"}
	}`
)
