package directory

import (
	"strings"
	"unicode/utf8"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxName is how many characters a name by which a user or group is found
// (userName, externalId, displayName, an e-mail address) has at most. Names are
// parts of index keys, and a store's keys are bounded.
const MaxName = 512

// length refuses text outside least..most characters, or that is not UTF-8.
func length(what, s string, least, most int) error {
	if !utf8.ValidString(s) {
		return fault.New(fault.Invalid, "%s is not valid UTF-8.", what).Because(fault.InvalidValue)
	}
	switch n := utf8.RuneCountInString(s); {
	case n < least && n == 0:
		return fault.New(fault.Invalid, "%s is required.", what).Because(fault.InvalidValue)
	case n < least:
		return fault.New(fault.Invalid, "%s has %d characters; at least %d are needed.", what, n, least).Because(fault.InvalidValue)
	case n > most:
		return fault.New(fault.Invalid, "%s has %d characters; at most %d are allowed.", what, n, most).Because(fault.InvalidValue)
	}
	return nil
}

// NormalDomain returns the form in which domains are stored and compared: lower
// case, no trailing dot. It refuses what is not a host name of at least two
// labels (RFC 1035 section 2.3.1, digits allowed at the start).
func NormalDomain(s string) (string, error) {
	d := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), ".")
	if len(d) < 4 || len(d) > 253 || !strings.Contains(d, ".") {
		return "", fault.New(fault.Invalid, "domain must be a host name of 4 to 253 characters such as acme.example.")
	}
	for label := range strings.SplitSeq(d, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return "", fault.New(fault.Invalid, "domain %q is not a host name.", s)
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return "", fault.New(fault.Invalid, "domain %q is not a host name; write international names in their xn-- form.", s)
			}
		}
	}
	return d, nil
}

// addressDomain returns the part behind the @ in the form of NormalDomain, empty if there is none.
func addressDomain(address string) string {
	i := strings.LastIndexByte(address, '@')
	if i <= 0 || i == len(address)-1 {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(address[i+1:]), ".")
}
