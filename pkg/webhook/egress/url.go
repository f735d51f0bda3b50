package egress

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxURL is how long a receiver's URL may be, in bytes.
const MaxURL = 2000

// CheckURL reports whether webhooks may be sent to the URL, as far as its text
// tells: https, a host that can exist, no user name, no fragment, a port from 1 to 65535, and
// no address that CheckAddr refuses. A name is not resolved here: what it leads
// to is checked at each connection. With insecure, http and any address pass.
//
// The error is a fault of kind Invalid.
func CheckURL(raw string, insecure bool) error {
	_, err := parse(raw, insecure)
	return err
}

func parse(raw string, insecure bool) (*url.URL, error) {
	if len(raw) > MaxURL {
		return nil, fault.New(fault.Invalid, "The webhook URL is longer than %d characters.", MaxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The parser's error quotes the URL, which can hold a secret.
		return nil, fault.New(fault.Invalid, "The webhook URL cannot be read; write, for example, \"https://example.com/webhooks\".")
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "":
		return nil, fault.New(fault.Invalid, "The webhook URL must begin with \"https://\".")
	case u.Scheme == "http" && !insecure:
		return nil, fault.New(fault.Invalid, "The webhook URL must begin with \"https://\"; http is allowed only in development, with --webhook-insecure.")
	case u.User != nil:
		return nil, fault.New(fault.Invalid, "The webhook URL must not hold a user name or password; receivers verify the signature instead.")
	case host == "" || strings.ContainsAny(host, " \t\\"):
		return nil, fault.New(fault.Invalid, "The webhook URL names no host.")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, fault.New(fault.Invalid, "The webhook URL must not have a fragment (\"#…\").")
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fault.New(fault.Invalid, "The webhook URL's port must be a number from 1 to 65535.")
		}
	}
	ascii, err := hostname(host)
	if err != nil {
		return nil, err
	}
	if insecure {
		return u, nil
	}
	if err := checkHost(ascii); err != nil {
		return nil, fault.New(fault.Invalid, "The webhook URL cannot be used: %v. --webhook-allow-cidr of the server makes receivers of a private network possible, --webhook-insecure all in development.", err)
	}
	return u, nil
}

// hostname returns the host as it is looked up: names of other scripts in ASCII
// (RFC 5891), which may turn out to be an address written in other digits.
func hostname(host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	refused := fault.New(fault.Invalid, "The webhook URL names a host that cannot exist; write, for example, \"https://example.com/webhooks\".")
	ascii := host
	for i := range len(host) {
		if host[i] >= utf8.RuneSelf {
			var err error
			if ascii, err = idna.Lookup.ToASCII(host); err != nil {
				return "", refused
			}
			break
		}
	}
	name := strings.TrimSuffix(ascii, ".")
	if len(name) > 253 {
		return "", refused
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, nameChars) != "" {
			return "", refused
		}
	}
	return ascii, nil
}

// nameChars are the characters of a host's name. Private networks have names
// with "_".
const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func checkHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		return CheckAddr(a)
	}
	if local(host) {
		return &RefusedError{Reason: "loopback"}
	}
	return nil
}

// local reports whether a name is one that always means this machine (RFC 6761
// section 6.3).
func local(host string) bool {
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
