package provider

import "github.com/rollcallhq/rollcall/pkg/scim/lenience"

var okta = &Profile{
	ID: Okta, Name: "Okta", Directory: "OKTA", Evidence: Documented,
	Summary: "Okta pushes users and groups as soon as they are assigned. Apps from its catalogue (OIN) and apps that an admin builds (AIW) " +
		"differ: the former change users by GET and PUT and deactivate by PATCH, the latter use PUT for everything.",
	Setup: []string{
		"In the Okta Admin Console open **Applications > Applications** and the app; for a new one choose **Create App Integration**.",
		"On the **General** tab edit **App Settings** and set **Provisioning** to **SCIM**.",
		"On the **Provisioning** tab choose **Integration > Edit**. Set **SCIM connector base URL** to `{url}` and **Unique identifier field for users** to `userName`.",
		"Tick **Push New Users**, **Push Profile Updates** and **Push Groups**.",
		"Set **Authentication Mode** to **HTTP Header** and **Authorization** to `{secret}`, then **Test Connector Configuration** and **Save**.",
		"Choose **To App > Edit** and enable **Create Users**, **Update User Attributes** and **Deactivate Users**.",
		"Assign people or groups on the **Assignments** tab. Choose the groups to be sent, with their members, on the **Push Groups** tab.",
	},
	Mappings: []Mapping{
		{"login", "userName"},
		{"Okta user id", "externalId"},
		{"firstName", "name.givenName"},
		{"lastName", "name.familyName"},
		{"displayName", "displayName"},
		{"email", `emails[type eq "work"].value`},
		{"mobilePhone", `phoneNumbers[type eq "mobile"].value`},
		{"title", "title"},
		{"locale", "locale"},
		{"department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"},
		{"group name", "displayName (group)"},
	},
	Matching: []string{`userName eq "mara@acme.example"`},
	Test:     "A page of two users, then a page of 100 groups.",
	Users:    "POST; then GET and PUT (catalogue apps), or PUT alone. Imports page through all users with startIndex and count=100.",
	Groups:   "POST with `members: []`, then a PATCH without a path that repeats the group's own id and displayName. It comes with every push.",
	Members: "PATCH `add` and `remove`, the latter by a filter in the path; \"push now\" replaces all members, also by none. " +
		"Apps that an admin builds PUT the group with all of its members.",
	Leavers: "`active: false`, by PATCH or PUT. It never deletes a user.",
	Deviations: []Deviation{
		{lenience.ReadOnlyEcho, "a PATCH or PUT repeats id, meta or groups as they are"},
		{lenience.UnknownSchema, "an app with custom attributes lists a URN of its own"},
		{lenience.UnknownExtension, "an app with custom attributes sends them under that URN"},
		{lenience.UnlistedExtension, "custom attributes come without their URN in schemas"},
		{lenience.UnknownMember, "a group has members who are not assigned to the app, or come later"},
		{lenience.UnknownAttribute, "a user repeats what only Okta knows, such as a display in an address"},
	},
	Answers: Answers{UserPatch: WithBody, GroupPatch: WithoutBody, ReadsMembers: false, PageSize: 100},
	Retries: "A 400 is final for that push. A 409 stops it, and Okta asks an admin. 429 and 5xx are tried again.",
	Limits: []string{
		"Members of a group that were not assigned to the app are not known here; they wait and join when they arrive.",
		"Changing a pushed group's name in Okta takes effect with the next push.",
		"Passwords are taken out of requests and never stored: leave **Sync Password** off.",
	},
}
