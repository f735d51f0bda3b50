package schema

// attr makes a read-write, singular, case-insensitive attribute.
func attr(name string, t Type, description string, options ...func(*Attribute)) *Attribute {
	a := &Attribute{Name: name, Type: t, Description: description, Mutability: ReadWrite, Returned: Default, Uniqueness: None}
	for _, o := range options {
		o(a)
	}
	return a
}

func multi(a *Attribute)     { a.MultiValued = true }
func required(a *Attribute)  { a.Required = true }
func exact(a *Attribute)     { a.CaseExact = true }
func readOnly(a *Attribute)  { a.Mutability = ReadOnly }
func immutable(a *Attribute) { a.Mutability = Immutable }
func writeOnly(a *Attribute) { a.Mutability, a.Returned = WriteOnly, Never }
func unique(a *Attribute)    { a.Uniqueness = Server }

// unreturned is for what is taken and never answered, though nothing is secret
// about it.
func unreturned(a *Attribute) { a.Returned = Never }

func subs(as ...*Attribute) func(*Attribute) {
	return func(a *Attribute) { a.SubAttributes = as }
}

func canonical(values ...string) func(*Attribute) {
	return func(a *Attribute) { a.CanonicalValues = values }
}

func refers(types ...string) func(*Attribute) {
	return func(a *Attribute) { a.ReferenceTypes, a.CaseExact = types, true }
}

// plural makes a multi-valued complex attribute with the usual sub-attributes
// (RFC 7643 section 2.4).
func plural(name string, value Type, description string, types ...string) *Attribute {
	v := attr("value", value, "The value itself.")
	switch value {
	case Reference:
		v = attr("value", value, "The value itself.", refers("external"))
	case Binary:
		v = attr("value", value, "The value itself.", exact)
	default:
	}
	return attr(name, Complex, description, multi, subs(
		v,
		attr("display", String, "A name of the value for people."),
		attr("type", String, "What the value is for.", canonical(types...)),
		attr("primary", Boolean, "Whether this is the preferred value; true at most once."),
	))
}

// externalID is part of every resource (RFC 7643 section 3.1).
func externalID() *Attribute {
	return attr("externalId", String, "The resource's id at the provider.", exact)
}

// User is the core user with the enterprise extension.
var User = &Resource{
	Name: "User",
	Core: (&Schema{
		ID: UserURN, Name: "User", Description: "User Account",
		Attributes: []*Attribute{
			externalID(),
			attr("userName", String, "The name by which the provider knows the user; unique in the directory.", required, unique),
			attr("name", Complex, "The parts of the user's name.", subs(
				attr("formatted", String, "The whole name as it is shown."),
				attr("familyName", String, "The family name."),
				attr("givenName", String, "The given name."),
				attr("middleName", String, "The middle names."),
				attr("honorificPrefix", String, "A title before the name."),
				attr("honorificSuffix", String, "A suffix behind the name."),
			)),
			attr("displayName", String, "The name that is shown to others."),
			attr("nickName", String, "What the user is casually called."),
			attr("profileUrl", Reference, "A page about the user.", refers("external")),
			attr("title", String, "The user's title, such as Vice President."),
			attr("userType", String, "How the organization is related to the user, such as Contractor."),
			attr("preferredLanguage", String, "The preferred language, as in an Accept-Language header."),
			attr("locale", String, "The locale for dates and numbers, such as en-US."),
			attr("timezone", String, "The time zone by its IANA name."),
			attr("active", Boolean, "Whether the account may be used."),
			attr("password", String, "A password, which is accepted and dropped: none is kept, and none is checked.", writeOnly),
			plural("emails", String, "E-mail addresses.", "work", "home", "other"),
			plural("phoneNumbers", String, "Telephone numbers.", "work", "home", "mobile", "fax", "pager", "other"),
			plural("ims", String, "Instant messaging addresses."),
			plural("photos", Reference, "Addresses of pictures.", "photo", "thumbnail"),
			attr("addresses", Complex, "Postal addresses.", multi, subs(
				attr("formatted", String, "The whole address as it is written on an envelope."),
				attr("streetAddress", String, "Street and number."),
				attr("locality", String, "City or place."),
				attr("region", String, "State or region."),
				attr("postalCode", String, "Postal code."),
				attr("country", String, "Country, by ISO 3166-1 alpha-2."),
				attr("type", String, "What the address is for.", canonical("work", "home", "other")),
				attr("primary", Boolean, "Whether this is the preferred address; true at most once."),
			)),
			attr("groups", Complex, "The groups that the user is in.", multi, readOnly, subs(
				attr("value", String, "The group's id.", readOnly, exact),
				attr("$ref", Reference, "The group's address.", readOnly, refers("Group")),
				attr("display", String, "The group's name.", readOnly),
				attr("type", String, "How the user is a member.", readOnly, canonical("direct", "indirect")),
			)),
			plural("entitlements", String, "Entitlements."),
			plural("roles", String, "Roles at the provider."),
			plural("x509Certificates", Binary, "Certificates."),
		},
	}).index(""),
	Extensions: []*Schema{(&Schema{
		ID: EnterpriseURN, Name: "EnterpriseUser", Description: "A user's place in an enterprise.",
		Attributes: []*Attribute{
			attr("employeeNumber", String, "The number that the organization gave the user."),
			attr("costCenter", String, "The cost center."),
			attr("organization", String, "The organization."),
			attr("division", String, "The division."),
			attr("department", String, "The department."),
			attr("manager", Complex, "Whom the user reports to.", subs(
				attr("value", String, "The manager's id.", exact),
				attr("$ref", Reference, "The manager's address.", refers("User")),
				attr("displayName", String, "The manager's name."),
			)),
		},
	}).index(EnterpriseURN + ":")},
}

// Group is the core group. Its members are kept apart from its attributes.
var Group = &Resource{
	Name: "Group",
	Core: (&Schema{
		ID: GroupURN, Name: "Group", Description: "A group of users.",
		Attributes: []*Attribute{
			externalID(),
			attr("displayName", String, "The group's name; unique in the directory.", required, unique),
			attr("members", Complex, "Who is in the group.", multi, subs(
				attr("value", String, "The member's id.", immutable, exact),
				attr("$ref", Reference, "The member's address.", immutable, refers("User", "Group")),
				attr("type", String, "What the member is.", immutable, canonical("User", "Group")),
				attr("display", String, "The member's name, which clients may send; the member itself has it.", readOnly, unreturned),
			)),
		},
	}).index(""),
}
