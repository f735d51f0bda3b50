package directory

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxNetworks is how many networks a directory's allowlist has at most.
const MaxNetworks = 100

// AllowDirectoryNetworks sets all networks that SCIM requests may come from, in
// CIDR form or as single addresses. None: from everywhere.
type AllowDirectoryNetworks struct {
	Organization string   `json:"organization"`
	Directory    string   `json:"directory"`
	Networks     []string `json:"networks"`
}

func (AllowDirectoryNetworks) name() string { return "AllowDirectoryNetworks" }

func (c AllowDirectoryNetworks) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	d.resource = Make(TableDirectory, dir.ID)
	parsed, err := parseNetworks(c.Networks)
	if err != nil {
		return err
	}
	list := make([]string, 0, len(parsed))
	for _, p := range parsed {
		list = append(list, p.String())
	}
	slices.Sort(list)
	if list = slices.Compact(list); len(list) > MaxNetworks {
		return fault.New(fault.Invalid, "networks has %d entries; at most %d are allowed.", len(list), MaxNetworks)
	}
	if slices.Equal(list, dir.Networks) {
		return nil
	}
	return d.emit(dir.event(), events.DirectoryNetworksAllowed{Networks: list})
}

// parseNetworks reads networks and single addresses. What is IPv4 in the form of
// IPv6 (::ffff:192.0.2.1, RFC 4291 section 2.5.5.2) becomes IPv4, so that it
// means the same in either form.
//
// Errors: Invalid, naming the entry.
func parseNetworks(list []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		p, err := parseNetwork(strings.TrimSpace(text))
		if err != nil {
			return nil, fault.New(fault.Invalid, "networks: %q is no network in CIDR form, such as 192.0.2.0/24 or 2001:db8::/32, and no address.", text)
		}
		out = append(out, p)
	}
	return out, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, errNoNetwork
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4In6() {
		const mapped = 96 // bits in front of the IPv4 address
		if p.Bits() < mapped {
			return netip.Prefix{}, errNoNetwork // also holds addresses that are no IPv4
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), nil
}

var errNoNetwork = fault.New(fault.Invalid, "no network")

// Admit refuses a request that does not come from one of the directory's
// networks. address is the client's, as text; one that does not parse comes from
// nowhere.
//
// Errors: Forbidden.
func (r *Directory) Admit(address string) error {
	if len(r.Networks) == 0 {
		return nil
	}
	a, err := netip.ParseAddr(address)
	if err == nil {
		a = a.Unmap().WithZone("")
		if slices.ContainsFunc(r.settings().networks, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "The address %s is not in the networks that this directory takes requests from. "+
		"Add it to the directory's allowlist, or send from a network that is there.", shown(a))
}

// shown is an address in a refusal: one that did not parse is not repeated.
func shown(a netip.Addr) string {
	if !a.IsValid() {
		return "of this request"
	}
	return a.String()
}
