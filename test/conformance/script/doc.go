// Package script reads and checks conversations with a SCIM service, written so
// that a person can follow them:
//
//	# A remark.
//	== RFC7644/3.5.2.3 replace acts as add where there is no value
//	+ user mara {"title": "Editor"}
//	> PATCH /Users/{mara}
//	[{"op": "replace", "path": "nickName", "value": "Mars"}]
//	< 200
//	/nickName = "Mars"
//	/title    = "Editor"
//
// A file holds cases. A case begins with "==", its section and its title, and
// has these lines:
//
//	@ WORD          a setting of the directory: STRICT, or a provider
//	@ domain NAME   only users of this registered domain are taken
//	@ policy JSON   a change of the directory's policy
//	@ extension JSON  a schema extension that the directory registers
//	Name: value     a header of every request; behind a request, of that one;
//	                without a value the header is not sent
//	+ user N JSON   a user N is created; {N} is its id, {N.version} its ETag
//	+ group N JSON  likewise a group
//	> METHOD PATH   a request; blanks and quotes in the query are encoded
//	                JSON up to the next "<" is its body; the body of a PATCH that
//	                is a list is the list of operations; "|" begins a raw line
//	< STATUS TYPE   the answer's status and scimType; a|b are alternatives
//	SUBJECT VERB X  what the answer says, see Check
//	! TYPE N        a public event that the exchange causes, with its own checks
//	                on the event's data
//	? tolerated CAUSE PATH  what the sync log says of the exchange; a case that
//	? refused CAUSE         has such lines has them for all that the log says
//
// Settings and headers before the first case hold for all cases of the file. In
// paths, bodies, headers and checks {name} stands for what was saved under the
// name, or for one of the URNs in URNs.
//
// Every answer must also obey the laws in law.go, so a case says only what is
// particular to it.
//
// What must not live here: how a service is started, and what it should answer
// (test/conformance).
package script
