package synclog

import "strings"

// statusCauses name refusals that RFC 7644 section 3.12 gives no keyword for.
var statusCauses = map[int]string{
	400: "invalid", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 406: "not_acceptable",
	409: "conflict", 412: "precondition_failed", 413: "too_large", 414: "too_large", 415: "unsupported_media_type",
	429: "too_many_requests", 500: "internal", 501: "unimplemented", 503: "unavailable",
}

// CauseOf names why a request was refused, in lower case with underscores: the
// answer's scimType (invalidFilter is invalid_filter), or else what its status
// stands for. An answer below 400 has no cause. The names are few and stable:
// metrics and filters use them.
func CauseOf(status int, scimType string) string {
	switch {
	case status < 400:
		return ""
	case scimType != "":
		return snake(scimType)
	}
	if c, ok := statusCauses[status]; ok {
		return c
	}
	if status >= 500 {
		return "internal"
	}
	return "refused"
}

func snake(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return strings.TrimPrefix(b.String(), "_")
}
