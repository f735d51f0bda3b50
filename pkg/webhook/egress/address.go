package egress

import (
	"fmt"
	"net/netip"
)

// refusedV4 lists what of the IPv4 space is not a public receiver (IANA IPv4
// Special-Purpose Address Registry, RFC 6890, and one address that a cloud
// serves its metadata from although it is a public one).
var refusedV4 = ranges(
	"0.0.0.0/8", "this network",
	"10.0.0.0/8", "private",
	"100.64.0.0/10", "shared by a carrier",
	"127.0.0.0/8", "loopback",
	"168.63.129.16/32", "a metadata service",
	"169.254.0.0/16", "link-local",
	"172.16.0.0/12", "private",
	"192.0.0.0/24", "reserved for protocols",
	"192.0.2.0/24", "for documentation",
	"192.88.99.0/24", "6to4",
	"192.168.0.0/16", "private",
	"198.18.0.0/15", "for benchmarks",
	"198.51.100.0/24", "for documentation",
	"203.0.113.0/24", "for documentation",
	"224.0.0.0/4", "multicast",
	"240.0.0.0/4", "reserved",
)

// publicV6 is all of the IPv6 space that is given out to the public. What is
// outside (loopback, unique-local, link-local, multicast, NAT64, discard, …) is
// refused without being listed.
var publicV6 = netip.MustParsePrefix("2000::/3")

// refusedV6 lists what inside publicV6 is not a public receiver (IANA IPv6
// Special-Purpose Address Registry).
var refusedV6 = ranges(
	"2001::/23", "reserved for protocols", // Teredo, ORCHID, benchmarks
	"2001:db8::/32", "for documentation",
	"2002::/16", "6to4",
	"3fff::/20", "for documentation",
)

type refusal struct {
	prefix netip.Prefix
	reason string
}

func ranges(pairs ...string) []refusal {
	list := make([]refusal, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, refusal{netip.MustParsePrefix(pairs[i]), pairs[i+1]})
	}
	return list
}

// RefusedError says that a receiver's address is not one that webhooks are sent
// to.
type RefusedError struct {
	Addr   netip.Addr
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the receiver's address is %s, and webhooks go to public addresses only", e.Reason)
}

// CheckAddr returns a *RefusedError unless a is a public unicast address. IPv4
// addresses inside IPv6 ones are judged as what they are.
func CheckAddr(a netip.Addr) error {
	if !a.IsValid() {
		return &RefusedError{Addr: a, Reason: "unreadable"}
	}
	a = a.Unmap().WithZone("")
	list := refusedV4
	if a.Is6() {
		if !publicV6.Contains(a) {
			return &RefusedError{Addr: a, Reason: "not a public IPv6 address"}
		}
		if v4, ok := isatap(a); ok {
			if err := CheckAddr(v4); err != nil {
				return err
			}
		}
		list = refusedV6
	}
	for _, r := range list {
		if r.prefix.Contains(a) {
			return &RefusedError{Addr: a, Reason: r.reason}
		}
	}
	return nil
}

// isatap returns the IPv4 address in an interface identifier of RFC 5214
// section 6.1.
func isatap(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	if b[8]&^2 != 0 || b[9] != 0 || b[10] != 0x5e || b[11] != 0xfe {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(b[12:16])), true
}
