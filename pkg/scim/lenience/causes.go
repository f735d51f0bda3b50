package lenience

import (
	"maps"
	"slices"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Cause names one kind of deviation. Causes are stored and shown to people, so
// their names never change.
type Cause string

// Deviations of a message as a whole (RFC 7643 section 3, RFC 7644 section 3.1).
const (
	// ByteOrderMark: the body begins with a byte order mark (RFC 8259 section 8.1).
	ByteOrderMark Cause = "byte_order_mark"
	// RepeatedName: an object has names that differ by case only (RFC 7643 section 2.1).
	RepeatedName Cause = "repeated_name"
	// MissingSchemas: the message has no schemas; the endpoint says what it is.
	MissingSchemas Cause = "missing_schemas"
	// WrongSchemas: schemas is no list of URNs, or the endpoint's is not among them.
	WrongSchemas Cause = "wrong_schemas"
	// RepeatedSchema: a URN is in schemas twice.
	RepeatedSchema Cause = "repeated_schema"
	// UnknownSchema: schemas has a URN that the endpoint's resources do not have.
	UnknownSchema Cause = "unknown_schema"
	// UnlistedExtension: an extension's attributes are there, but not its URN in schemas.
	UnlistedExtension Cause = "unlisted_extension"
)

// Deviations around a message (RFC 7644 sections 3.1, 3.7 and 3.14).
const (
	// MissingContentType: a body without a Content-Type.
	MissingContentType Cause = "missing_content_type"
	// UnquotedVersion: an entity tag without its quotes (RFC 9110 section 8.8.3).
	UnquotedVersion Cause = "unquoted_version"
	// MethodCase: the method of a bulk operation is not in capitals.
	MethodCase Cause = "method_case"
	// MissingSlash: the path of a bulk operation does not begin with a slash.
	MissingSlash Cause = "missing_slash"
	// MissingBulkID: a bulk operation creates something and has no bulkId.
	MissingBulkID Cause = "missing_bulk_id"
)

// Deviations in names and values of a resource (RFC 7643 section 2).
const (
	// UnknownAttribute: no schema knows the attribute; its value is kept as it is.
	UnknownAttribute Cause = "unknown_attribute"
	// UnknownExtension: the URN is not registered; its attributes are kept as they are.
	UnknownExtension Cause = "unknown_extension"
	// MalformedURN: a registered URN without its last colon.
	MalformedURN Cause = "malformed_urn"
	// DottedName: a name such as name.givenName stands where an object belongs.
	DottedName Cause = "dotted_name"
	// QualifiedName: a name with its URN in front stands where a block belongs.
	QualifiedName Cause = "qualified_name"
	// UnqualifiedExtension: an extension's attribute stands without its URN.
	UnqualifiedExtension Cause = "unqualified_extension"
	// LegacyName: a name of SCIM 1.1, such as manager.managerId.
	LegacyName Cause = "legacy_name"
	// StringBoolean: a boolean as text.
	StringBoolean Cause = "string_boolean"
	// StringNumber: a number as text.
	StringNumber Cause = "string_number"
	// StringComplex: a text for a complex value, taken as its value.
	StringComplex Cause = "string_complex"
	// ObjectForValue: an object with a value, where the value itself belongs.
	ObjectForValue Cause = "object_for_value"
	// SingleForList: one value where a list belongs.
	SingleForList Cause = "single_for_list"
	// ListForSingle: a list of one where a single value belongs.
	ListForSingle Cause = "list_for_single"
	// EmptyString: an empty text for no value (RFC 7643 section 2.5 knows null and []).
	EmptyString Cause = "empty_string"
	// HollowValue: an element of a list that is null, or says what a value is for
	// and has none.
	HollowValue Cause = "hollow_value"
	// DateForm: a date that is no xsd:dateTime, such as one without a time.
	DateForm Cause = "date_form"
	// BinaryForm: base64 with line breaks or in the alphabet for URLs.
	BinaryForm Cause = "binary_form"
	// MalformedReference: a reference that is no URI.
	MalformedReference Cause = "malformed_reference"
	// UnknownMember: a member of a group that the directory does not have; it waits for it.
	UnknownMember Cause = "unknown_member"
	// MemberByName: a member of a group by its externalId, its userName or an id
	// of before, where its id belongs.
	MemberByName Cause = "member_by_name"
)

// Deviations of a PATCH (RFC 7644 section 3.5.2).
const (
	// OperationCase: op is not in lower case.
	OperationCase Cause = "operation_case"
	// MissingValue: an add or replace without a value.
	MissingValue Cause = "missing_value"
	// EmptyPath: a path that is empty, taken as none.
	EmptyPath Cause = "empty_path"
	// UnknownPath: a path to an attribute that no schema knows.
	UnknownPath Cause = "unknown_path"
	// MalformedPathURN: a path with a registered URN without its last colon.
	MalformedPathURN Cause = "malformed_path_urn"
	// UnqualifiedPath: a path to an extension's attribute without its URN.
	UnqualifiedPath Cause = "unqualified_path"
	// CreatedByFilter: a filter chose no value, so the one it describes was made.
	CreatedByFilter Cause = "created_by_filter"
	// RemoveWithValue: a remove lists the values to remove.
	RemoveWithValue Cause = "remove_with_value"
	// ReadOnlyEcho: a value that the server owns is repeated as it is.
	ReadOnlyEcho Cause = "read_only_echo"
	// KeptActive: active is removed, which leaves it as it is.
	KeptActive Cause = "kept_active"
)

// Deviations of a query (RFC 7644 section 3.4.2).
const (
	// UnquotedLiteral: a text without quotes, or true, false or null in capitals.
	UnquotedLiteral Cause = "unquoted_literal"
	// LiteralType: a literal of another type than the attribute's.
	LiteralType Cause = "literal_type"
	// ComparisonBehindFilter: attr[filter].sub op value, which only paths of PATCH know.
	ComparisonBehindFilter Cause = "comparison_behind_filter"
	// UnknownFilterAttribute: a filter names an attribute that no schema knows.
	UnknownFilterAttribute Cause = "unknown_filter_attribute"
	// UnqualifiedFilterAttribute: a filter names an extension's attribute without its URN.
	UnqualifiedFilterAttribute Cause = "unqualified_filter_attribute"
	// MalformedFilterURN: a filter with a registered URN without its last colon.
	MalformedFilterURN Cause = "malformed_filter_urn"
	// FilteredProjection: attributes or excludedAttributes holds a filter.
	FilteredProjection Cause = "filtered_projection"
)

// rule is how a cause is refused by a strict directory: the scimType, and what
// is wrong, as a sentence that begins with the path.
type rule struct {
	reason   fault.Reason
	sentence string
}

var rules = map[Cause]rule{
	ByteOrderMark:     {fault.InvalidSyntax, "begins with a byte order mark; send plain UTF-8"},
	RepeatedName:      {fault.InvalidSyntax, "is there twice, in names that differ by case only; send it once"},
	MissingSchemas:    {fault.InvalidSyntax, "has no schemas; list the URNs of what it is"},
	WrongSchemas:      {fault.InvalidSyntax, "does not list the URN of what this endpoint takes; send schemas as a list with it"},
	RepeatedSchema:    {fault.InvalidSyntax, "lists a URN twice; list each once"},
	UnknownSchema:     {fault.InvalidSyntax, "lists a URN that resources of this endpoint do not have; leave it out or register it"},
	UnlistedExtension: {fault.InvalidSyntax, "is not listed in schemas; list every extension that is sent"},

	MissingContentType: {fault.InvalidSyntax, "has a body without a Content-Type; send application/scim+json"},
	UnquotedVersion:    {fault.InvalidSyntax, "has a version without its quotes; send it as the ETag header has it"},
	MethodCase:         {fault.InvalidSyntax, "is not in capitals; send POST, PUT, PATCH or DELETE"},
	MissingSlash:       {fault.InvalidSyntax, "does not begin with a slash"},
	MissingBulkID:      {fault.InvalidValue, "creates a resource and has no bulkId; give each such operation one of its own"},

	UnknownAttribute:     {fault.InvalidSyntax, "is not in the schema; leave it out or register an extension with it"},
	UnknownExtension:     {fault.InvalidSyntax, "is not a registered extension; leave it out or register it"},
	MalformedURN:         {fault.InvalidSyntax, "is a URN without its last colon; write it as /Schemas does"},
	DottedName:           {fault.InvalidSyntax, "is a dotted name; send an object with the part in it"},
	QualifiedName:        {fault.InvalidSyntax, "is a qualified name; send an object under the URN with the attribute in it"},
	UnqualifiedExtension: {fault.InvalidSyntax, "belongs to an extension; send it in the object under the extension's URN"},
	LegacyName:           {fault.InvalidSyntax, "is a name of SCIM 1.1; send its name of SCIM 2.0"},
	StringBoolean:        {fault.InvalidValue, "is a boolean sent as text; send true or false without quotes"},
	StringNumber:         {fault.InvalidValue, "is a number sent as text; send it without quotes"},
	StringComplex:        {fault.InvalidValue, "is a text; send an object with its value"},
	ObjectForValue:       {fault.InvalidValue, "is an object; send the value itself"},
	SingleForList:        {fault.InvalidValue, "is a single value; send a list"},
	ListForSingle:        {fault.InvalidValue, "is a list; send the single value"},
	EmptyString:          {fault.InvalidValue, "is an empty text; send null or leave it out to say that there is no value"},
	HollowValue:          {fault.InvalidValue, "has an element without a value; send its value or leave it out"},
	DateForm:             {fault.InvalidValue, "is not a date and time such as 2026-01-31T10:00:00Z"},
	BinaryForm:           {fault.InvalidValue, "is not base64 in the alphabet of RFC 4648 section 4"},
	MalformedReference:   {fault.InvalidValue, "is not a URI"},
	MemberByName:         {fault.InvalidValue, "names a member by something else than its id; send the id that this server gave it"},
	UnknownMember:        {fault.InvalidValue, "names a resource that this directory does not have"},

	OperationCase:    {fault.InvalidSyntax, "is not in lower case; send add, replace or remove"},
	MissingValue:     {fault.InvalidValue, "is added or replaced without a value; send one, or null to clear it"},
	EmptyPath:        {fault.InvalidPath, "is an empty path; leave it out to mean the resource"},
	UnknownPath:      {fault.InvalidPath, "is no attribute of the schema"},
	MalformedPathURN: {fault.InvalidPath, "has a URN without its last colon; write it as /Schemas does"},
	UnqualifiedPath:  {fault.InvalidPath, "belongs to an extension; put the extension's URN and a colon in front"},
	CreatedByFilter:  {fault.NoTarget, "has no value that the filter chooses"},
	RemoveWithValue:  {fault.InvalidValue, "is removed with a list of values; choose them by a filter in the path"},
	ReadOnlyEcho:     {fault.Mutability, "is the server's own and cannot be written"},
	KeptActive:       {fault.InvalidValue, "cannot be removed; set it to true or false"},

	UnquotedLiteral:            {fault.InvalidFilter, "is compared with a value that is not JSON; put texts in quotes, write true, false and null in lower case"},
	LiteralType:                {fault.InvalidFilter, "is compared with a value of another type"},
	ComparisonBehindFilter:     {fault.InvalidFilter, "is compared behind a filter in brackets; put the comparison into the brackets"},
	UnknownFilterAttribute:     {fault.InvalidFilter, "is no attribute of the schema"},
	UnqualifiedFilterAttribute: {fault.InvalidFilter, "belongs to an extension; put the extension's URN and a colon in front"},
	MalformedFilterURN:         {fault.InvalidFilter, "has a URN without its last colon; write it as /Schemas does"},
	FilteredProjection:         {fault.InvalidValue, "holds a filter; name attributes only"},
}

func ruleOf(c Cause) rule {
	if r, ok := rules[c]; ok {
		return r
	}
	return rule{fault.InvalidValue, "is not as the RFCs have it"}
}

// Causes returns all causes, by name.
func Causes() []Cause { return slices.Sorted(maps.Keys(rules)) }

// Meaning says what is wrong and what to send instead, as the rest of a sentence
// that begins with the path.
func (c Cause) Meaning() string { return ruleOf(c).sentence }
