package schema

// The schemas of what discovery answers (RFC 7643 section 8.7.2). They belong to
// no kind of resource: nothing of them is stored, filtered or written.

// The URNs of discovery.
const (
	ServiceProviderConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	ResourceTypeURN          = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	SchemaURN                = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// Service lists them.
var Service = []*Schema{serviceProviderConfig, resourceType, schemaSchema}

var serviceProviderConfig = &Schema{
	ID: ServiceProviderConfigURN, Name: "Service Provider Configuration", Description: "What the server does.",
	Attributes: told(
		attr("documentationUri", Reference, "A page of help for people.", refers("external")),
		attr("patch", Complex, "Whether PATCH is offered.", required, subs(supported())),
		attr("bulk", Complex, "Whether Bulk is offered, and its limits.", required, subs(
			supported(),
			attr("maxOperations", Integer, "How many operations one request may hold.", required),
			attr("maxPayloadSize", Integer, "How large a request may be, in bytes.", required),
		)),
		attr("filter", Complex, "Whether filters are offered, and their limit.", required, subs(
			supported(),
			attr("maxResults", Integer, "How many resources one answer holds at most.", required),
		)),
		attr("changePassword", Complex, "Whether passwords can be changed.", required, subs(supported())),
		attr("sort", Complex, "Whether sorting is offered.", required, subs(supported())),
		attr("etag", Complex, "Whether versions are offered.", required, subs(supported())),
		attr("pagination", Complex, "How lists are paged (RFC 9865).", subs(
			attr("cursor", Boolean, "Whether paging by cursor is offered.", required),
			attr("index", Boolean, "Whether paging by index is offered.", required),
			attr("defaultPaginationMethod", String, "How pages are made if a client names no method.", canonical("cursor", "index")),
			attr("defaultPageSize", Integer, "How many resources a page has if a client does not say."),
			attr("maxPageSize", Integer, "How many resources a page has at most."),
			attr("cursorTimeout", Integer, "How long a cursor may be used, in seconds."),
		)),
		attr("authenticationSchemes", Complex, "How clients authenticate.", required, multi, subs(
			attr("type", String, "The kind of scheme.", required, canonical("oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest")),
			attr("name", String, "The scheme's name.", required),
			attr("description", String, "What the scheme is.", required),
			attr("specUri", Reference, "The scheme's specification.", refers("external")),
			attr("documentationUri", Reference, "How to use the scheme.", refers("external")),
			attr("primary", Boolean, "Whether this is the preferred scheme."),
		)),
	),
}

var resourceType = &Schema{
	ID: ResourceTypeURN, Name: "Resource Type", Description: "A kind of resource that the server has.",
	Attributes: told(
		attr("id", String, "The kind's id, which is its name."),
		attr("name", String, "The kind's name.", required),
		attr("description", String, "What the kind is."),
		attr("endpoint", Reference, "The path of its endpoint below the base URL.", required, refers("uri")),
		attr("schema", Reference, "The URN of its core schema.", required, refers("uri")),
		attr("schemaExtensions", Complex, "Its extensions.", multi, subs(
			attr("schema", Reference, "The extension's URN.", required, refers("uri")),
			attr("required", Boolean, "Whether every resource has it.", required),
		)),
	),
}

var schemaSchema = &Schema{
	ID: SchemaURN, Name: "Schema", Description: "A set of attributes.",
	Attributes: told(
		attr("id", String, "The schema's URN.", required, exact),
		attr("name", String, "The schema's name for people.", required),
		attr("description", String, "What the schema describes."),
		attr("attributes", Complex, "The attributes.", required, multi, subs(append(characteristics(),
			attr("subAttributes", Complex, "The parts of a complex attribute.", multi, subs(characteristics()...)))...)),
	),
}

func supported() *Attribute {
	return attr("supported", Boolean, "Whether it is offered.", required)
}

// characteristics are what is said of an attribute (RFC 7643 section 7).
func characteristics() []*Attribute {
	return []*Attribute{
		attr("name", String, "The attribute's name.", required, exact),
		attr("type", String, "The attribute's data type.", required,
			canonical(string(String), string(Boolean), string(Decimal), string(Integer), string(DateTime), string(Binary), string(Reference), string(Complex))),
		attr("multiValued", Boolean, "Whether it has several values.", required),
		attr("description", String, "What the attribute is.", exact),
		attr("required", Boolean, "Whether it must be there."),
		attr("canonicalValues", String, "Values that are usual.", multi, exact),
		attr("caseExact", Boolean, "Whether values that differ by case only are different."),
		attr("mutability", String, "How it can be written.", exact, canonical(ReadOnly, ReadWrite, Immutable, WriteOnly)),
		attr("returned", String, "When it is answered.", exact, canonical(Always, Never, Default, Request)),
		attr("uniqueness", String, "Where its values are unique.", exact, canonical(None, Server, "global")),
		attr("referenceTypes", String, "What a reference may lead to.", multi, exact),
	}
}

// told makes attributes, and all below them, read-only.
func told(as ...*Attribute) []*Attribute {
	for _, a := range as {
		a.Mutability = ReadOnly
		told(a.SubAttributes...)
	}
	return as
}
