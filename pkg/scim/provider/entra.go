package provider

import "github.com/rollcallhq/rollcall/pkg/scim/lenience"

// Both forms of Entra share what its admin console does.
var (
	entraMappings = []Mapping{
		{"userPrincipalName", "userName"},
		{"mailNickname or objectId", "externalId"},
		{"Switch([IsSoftDeleted], …)", "active"},
		{"displayName", "displayName"},
		{"givenName", "name.givenName"},
		{"surname", "name.familyName"},
		{"mail", `emails[type eq "work"].value`},
		{"jobTitle", "title"},
		{"mobile", `phoneNumbers[type eq "mobile"].value`},
		{"telephoneNumber", `phoneNumbers[type eq "work"].value`},
		{"facsimileTelephoneNumber", `phoneNumbers[type eq "fax"].value`},
		{"physicalDeliveryOfficeName", `addresses[type eq "other"].formatted`},
		{"city, state, …", `addresses[type eq "work"].locality, .region, …`},
		{"preferredLanguage", "preferredLanguage"},
		{"employeeId", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"},
		{"department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"},
		{"manager", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"},
		{"displayName of a group", "displayName (group)"},
		{"objectId of a group", "externalId (group)"},
	}
	entraMatching = []string{
		`userName eq "mara@acme.example"`, `externalId eq "mara"`, `emails[type eq "work"].value eq "mara@acme.example"`,
		`displayName eq "Editors" (groups, with excludedAttributes=members)`, `id eq "…" and members eq "…" (is somebody a member?)`,
	}
	// entraShared are the deviations of both.
	entraShared = []Deviation{
		{lenience.StringComplex, "manager is sent as the id alone"},
		{lenience.CreatedByFilter, "the first work address, mobile number or the like is set by a path that chooses among none"},
		{lenience.UnknownSchema, "a group lists a schema of Microsoft's own"},
		{lenience.UnquotedLiteral, "a filter compares with a text without quotes"},
		{lenience.ComparisonBehindFilter, `users are looked for by emails[type eq "work"].value eq`},
		{lenience.UnqualifiedFilterAttribute, "a filter asks for a manager without the enterprise URN"},
		{lenience.LiteralType, `a single role is chosen by primary eq "True"`},
		{lenience.EmptyString, "an attribute is cleared by an empty text"},
	}
	entraRetries = "Every cycle, some 40 minutes apart, tries what failed again. When most of a cycle fails, Entra quarantines the connection and tries less and less often, for up to four weeks."
	entraLimits  = []string{
		"Nested groups are not resolved: only direct members of an assigned group arrive.",
		"Entra matches groups by displayName: two groups of one name are one to it.",
		"A disabled user stays and is found; only a deletion that Entra has made final removes it.",
		"A cycle lasts some 40 minutes. **Provision on demand** sends one user at once.",
	}
)

var entra = &Profile{
	ID: Entra, Name: "Microsoft Entra ID", Directory: "MICROSOFT_AD", Evidence: Documented,
	Summary: "Entra reads and compares every assigned user and group in cycles and sends what differs, one PATCH operation for each attribute. " +
		"By default it sends what predates the RFCs in places; a flag in its tenant URL brings it closer to them.",
	Setup: []string{
		"In the Microsoft Entra admin center open **Identity > Applications > Enterprise applications** and the app; for a new one choose **New application > Create your own application > Integrate any other application you don't find in the gallery**.",
		"Choose **Provisioning**, and there set **Provisioning Mode** to **Automatic**.",
		"Under **Admin Credentials** set **Tenant URL** to `{url}` and **Secret Token** to `{secret}`. **Test Connection**, then **Save**.",
		"Under **Mappings** check that users are matched by `userName`, and leave both **Provision Microsoft Entra ID Users** and **Groups** enabled.",
		"Under **Users and groups** assign who is to be sent.",
		"Back under **Provisioning** choose **Start provisioning**.",
	},
	Mappings: entraMappings,
	Matching: entraMatching,
	Test:     "A lookup of a user that cannot exist, by the matching attribute; an empty list is success.",
	Users:    "POST; then PATCH with a path in each operation.",
	Groups:   "POST without members; `Replace displayName` to rename.",
	Members:  "PATCH `Add` on members, and `Remove` on members with a list of whom to remove.",
	Leavers:  "PATCH that replaces active by \"False\", as text. DELETE once the user is gone from Entra for good.",
	Deviations: append([]Deviation{
		{lenience.OperationCase, "operations are called Add, Replace and Remove"},
		{lenience.StringBoolean, "active is \"True\" or \"False\", in a POST too"},
		{lenience.RemoveWithValue, "members are removed by a list of values"},
		{lenience.UnlistedExtension, "the enterprise extension comes without its URN in schemas"},
		{lenience.UnqualifiedExtension, "attributes of the enterprise extension come without its URN"},
		{lenience.UnqualifiedPath, "a path to such an attribute, likewise"},
		{lenience.MalformedURN, "the enterprise URN lacks its last colon"},
		{lenience.MalformedPathURN, "a path to such an attribute, likewise"},
		{lenience.ListForSingle, "manager is a list of one"},
		{lenience.HollowValue, "a value that is unset is sent as null"},
		{lenience.FilteredProjection, "attributes names emails[type eq \"work\"]"},
	}, entraShared...),
	Answers: Answers{UserPatch: WithBody, GroupPatch: WithoutBody, ReadsMembers: false, PageSize: 100},
	Rate:    25,
	Retries: entraRetries,
	Limits:  entraLimits,
}

var entraFlag = &Profile{
	ID: EntraFlag, Name: "Microsoft Entra ID with aadOptscim062020", Directory: "MICROSOFT_AD", Evidence: Documented,
	Summary: "With `aadOptscim062020` in its tenant URL, Entra sends requests that are closer to the RFCs: booleans are booleans, and members are removed by a filter. " +
		"A change of several attributes is one operation without a path whose names are paths. Entra has announced this form as its future default. " +
		"Rollcall understands both, and tells them apart by each request.",
	Setup: []string{
		"Set the connection up as without the flag, but add `?aadOptscim062020` to the **Tenant URL**: `{url}?aadOptscim062020`.",
		"On a connection that runs already, change the **Tenant URL**, **Test Connection**, **Save**, and choose **Restart provisioning**.",
	},
	Mappings: entraMappings,
	Matching: entraMatching,
	Test:     entra.Test,
	Users:    "POST; then PATCH with one operation without a path whose names are dotted and qualified.",
	Groups:   "POST without members; a PATCH without a path to rename.",
	Members:  "PATCH `add` with several values in one operation, `remove` with a filter in the path.",
	Leavers:  "PATCH that replaces active by false. DELETE once the user is gone from Entra for good.",
	Deviations: append([]Deviation{
		{lenience.DottedName, "names such as name.givenName stand in an operation without a path"},
		{lenience.QualifiedName, "names with the enterprise URN in front, likewise"},
		{lenience.OperationCase, "operations are called Add, Replace and Remove"},
	}, entraShared...),
	Answers: entra.Answers,
	Rate:    entra.Rate,
	Retries: entraRetries,
	Limits:  entraLimits,
}
