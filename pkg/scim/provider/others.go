package provider

import "github.com/rollcallhq/rollcall/pkg/scim/lenience"

var google = &Profile{
	ID: Google, Name: "Google Workspace", Directory: "GOOGLE", Evidence: Inferred,
	Summary: "Google's automatic provisioning sends users of the apps in Google's catalogue, and no groups.",
	Setup: []string{
		"In the Google Admin console open **Apps > Web and mobile apps** and the app.",
		"Open **Autoprovisioning** and choose **Configure autoprovisioning**. An app that does not show it cannot be provisioned by Google.",
		"Enter `{secret}` as the access token and `{url}` as the endpoint URL.",
		"Map the attributes; `userName` and `emails[type eq \"work\"].value` are both the primary email.",
		"Choose whom to send (all, or a group), and after how many days a user who left is suspended and deleted.",
		"Turn autoprovisioning on.",
	},
	Mappings: []Mapping{
		{"Primary email", "userName"},
		{"Primary email", `emails[type eq "work"].value`},
		{"First name", "name.givenName"},
		{"Last name", "name.familyName"},
		{"Title", "title"},
		{"Phone", `phoneNumbers[type eq "work"].value`},
		{"Department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"},
	},
	Matching: []string{`userName eq "mara@acme.example"`},
	Test:     "A page of one user.",
	Users:    "POST; then PUT or PATCH.",
	Groups:   "None.",
	Members:  "None.",
	Leavers:  "`active: false` first, DELETE after the delay that the admin chose.",
	Answers:  Answers{UserPatch: WithBody, GroupPatch: WithoutBody, ReadsMembers: false, PageSize: 100},
	Retries:  "Not published.",
	Limits: []string{
		"No groups are sent. Give roles by a default role, or have the groups sent by another tool.",
		"Google does not publish its requests. What deviates from the RFCs shows in the sync log as unexpected, and is understood all the same.",
	},
}

var oneLogin = &Profile{
	ID: OneLogin, Name: "OneLogin", Directory: "ONELOGIN", Evidence: Partly,
	Summary: "OneLogin makes the bodies of its requests from a JSON template in the app's configuration, so what arrives is what the template says.",
	Setup: []string{
		"In the OneLogin administration open **Applications > Applications**, choose **Add App** and **SCIM Provisioner with SAML (SCIM v2 Enterprise)**.",
		"On the **Configuration** tab set **SCIM Base URL** to `{url}` and **SCIM Bearer Token** to `{secret}`, then **API Status > Enable**.",
		"On the **Provisioning** tab tick **Enable provisioning** and choose which actions wait for an admin.",
		"On the **Parameters** tab open **Groups** and tick **Include in User Provisioning**; map OneLogin's roles or groups to groups on the **Rules** tab.",
		"Assign users or roles to the app.",
	},
	Mappings: []Mapping{
		{"Email or Username", "userName"},
		{"OneLogin ID", "externalId"},
		{"First Name", "name.givenName"},
		{"Last Name", "name.familyName"},
		{"Email", `emails[type eq "work"].value`},
		{"Title", "title"},
		{"Department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"},
		{"Manager", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"},
	},
	Matching: []string{`userName eq "mara@acme.example"`},
	Test:     "A lookup of a user name that is not there.",
	Users:    "POST; then PUT.",
	Groups:   "POST without members. **Refresh entitlements** lists all groups.",
	Members:  "PATCH `add` of one user a request.",
	Leavers:  "PUT with `active` off, or DELETE, as the admin chose.",
	Deviations: []Deviation{
		{lenience.StringBoolean, "the template writes active as text"},
		{lenience.LegacyName, "the template names manager.managerId, as SCIM 1.1 did"},
		{lenience.UnlistedExtension, "the enterprise extension comes without its URN in schemas"},
		{lenience.HollowValue, "the template names a value that the user does not have"},
		{lenience.EmptyString, "likewise, as an empty text"},
		{lenience.RemoveWithValue, "members are removed by a list of values"},
	},
	Answers: Answers{UserPatch: WithBody, GroupPatch: WithoutBody, ReadsMembers: true, PageSize: 100},
	Retries: "Failed tasks wait under **Users > Provisioning** until an admin tries them again.",
	Limits: []string{
		"Users who are in many groups cause as many requests.",
		"Requests have no User-Agent, so the sync log shows none.",
	},
}

var jumpCloud = &Profile{
	ID: JumpCloud, Name: "JumpCloud", Directory: "JUMPCLOUD", Evidence: Partly,
	Summary: "JumpCloud pushes users when they are bound to the app, by groups of users.",
	Setup: []string{
		"In the JumpCloud Admin Portal open **SSO Applications** and the app; for a new one choose **Add New Application > Custom Application** with **Export users to this app**.",
		"Open the app's **Identity Management** tab and choose **API Type > SCIM API** and **SCIM Version > SCIM 2.0**.",
		"Set **Base URL** to `{url}` and **Token Key** to `{secret}`.",
		"Set **Test User Email** to an address of a domain that is registered for the organization; JumpCloud creates, changes and removes a user with it.",
		"Leave **Enable management of User Groups and Group Membership** on. **Test Connection**, then **Activate**.",
		"On the **User Groups** tab choose the groups to be sent.",
	},
	Mappings: []Mapping{
		{"email or username", "userName"},
		{"JumpCloud id", "externalId"},
		{"firstname", "name.givenName"},
		{"lastname", "name.familyName"},
		{"displayname", "displayName"},
		{"email", "emails.value"},
		{"jobTitle", "title"},
		{"employeeIdentifier", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"},
		{"department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"},
		{"name of the user group", "displayName (group)"},
	},
	Matching: []string{`userName eq "mara@acme.example"`},
	Test:     "It creates, changes and deletes a test user and a test group. The application is told of them like of any others.",
	Users:    "POST; then PUT.",
	Groups:   "POST; then PUT to rename.",
	Members:  "With the group, or PATCH `add` and `remove` with a list of values.",
	Leavers:  "PUT with `active: false`; DELETE if that is chosen.",
	Deviations: []Deviation{
		{lenience.EmptyString, "fields that are not set come as empty texts"},
		{lenience.HollowValue, "likewise in lists"},
		{lenience.RemoveWithValue, "members are removed by a list of values"},
	},
	Answers: Answers{UserPatch: WithBody, GroupPatch: WithoutBody, ReadsMembers: true, PageSize: 100},
	Retries: "Not published.",
	Limits: []string{
		"The connection test leaves the test user deactivated if it may not delete it.",
		"A test address of a domain that is not registered is refused, and the test with it, unless the directory's domain policy is OFF.",
	},
}

var pingOne = &Profile{
	ID: PingOne, Name: "PingOne", Directory: "PING_IDENTITY", Evidence: Partly,
	Summary: "PingOne and PingFederate provision by rules that an admin writes, down to the filter by which a user is looked for.",
	Setup: []string{
		"In the PingOne console open **Integrations > Provisioning**, choose **+ > New Connection > Identity Store** and **SCIM Outbound**.",
		"Set **SCIM BASE URL** to `{url}`, **Users Resource** to `/Users`, **Groups Resource** to `/Groups` and **SCIM Version** to `2.0`.",
		"Set **Authentication Method** to **OAuth 2 Bearer Token** and **OAuth Access Token** to `{secret}`, then **Test Connection**.",
		"Leave **User Filter Expression** at `userName Eq \"%s\"` and **User Identifier** at `userName`. Choose **Group Membership Handling** (merge sends changes, overwrite sends all) and what removing a user does.",
		"Save, then add a **Rule** with this connection as its target, a user filter, the attribute mapping and the groups.",
		"Enable the connection and the rule.",
	},
	Mappings: []Mapping{
		{"Username", "userName"},
		{"User ID", "externalId"},
		{"Given Name", "name.givenName"},
		{"Family Name", "name.familyName"},
		{"Email Address", `emails[type eq "work"].value`},
		{"Title", "title"},
		{"Mobile Phone", `phoneNumbers[type eq "mobile"].value`},
		{"Enabled", "active"},
		{"Group Name", "displayName (group)"},
	},
	Matching: []string{`userName Eq "mara@acme.example"`, `emails eq "mara@acme.example"`},
	Test:     "A lookup of a user.",
	Users:    "POST; then PUT.",
	Groups:   "POST, then PUT.",
	Members:  "PATCH `add` and `remove` with merge, PUT of the whole group with overwrite.",
	Leavers:  "`active: false` or DELETE, as the connection says.",
	Deviations: []Deviation{
		{lenience.UnknownSchema, "the connection lists URNs of the admin's choice"},
		{lenience.UnknownExtension, "and sends attributes under them"},
		{lenience.UnknownAttribute, "and attributes that no schema has"},
	},
	Answers: Answers{UserPatch: WithBody, GroupPatch: WithoutBody, ReadsMembers: true, PageSize: 100},
	Retries: "Not published.",
	Limits: []string{
		"Overwriting the members of a large group sends all of them with every change; prefer merge.",
	},
}

var generic = &Profile{
	ID: Generic, Name: "Any other SCIM 2.0 client", Evidence: Several,
	Summary: "Everything that speaks SCIM 2.0 can be connected, such as authentik, scimgateway or a script. This profile is also that of directories without a `directory_provider`, " +
		"and of providers that have none of their own, such as Auth0.",
	Setup: []string{
		"Enter `{url}` as the SCIM base URL; no version or other part is to be added.",
		"Choose authentication by a bearer token (HTTP header, OAuth token) and enter `{secret}`.",
		"Match users by `userName` and groups by `displayName`.",
		"Have the client read `{url}/ServiceProviderConfig`, if it can: it says what is offered.",
	},
	Mappings: []Mapping{
		{"login name", "userName"}, {"a stable id", "externalId"}, {"given and family name", "name.givenName, name.familyName"}, {"email address", `emails[type eq "work"].value`}, {"enabled", "active"},
	},
	Matching: []string{`userName eq "mara@acme.example"`, `externalId eq "…"`, `displayName eq "Editors"`},
	Test:     "Often GET of /ServiceProviderConfig, or a page of users.",
	Users:    "POST; then PUT or PATCH.",
	Groups:   "POST; then PUT or PATCH.",
	Members:  "PUT of the whole group, or PATCH `add` and `remove`.",
	Leavers:  "`active: false` or DELETE.",
	Deviations: []Deviation{
		{lenience.MissingSchemas, "some gateways leave schemas out"},
		{lenience.ReadOnlyEcho, "some clients send back all that they read"},
		{lenience.RemoveWithValue, "some clients, such as authentik, remove members by a list of values"},
	},
	Answers: Answers{UserPatch: WithBody, GroupPatch: WithoutBody, ReadsMembers: true, PageSize: 100},
	Retries: "As the client does. 429 and 503 have a Retry-After.",
	Limits: []string{
		"Basic authentication and SCIM 1.1 are not offered.",
	},
}
