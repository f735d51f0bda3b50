package egress_test

import (
	"errors"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
)

func TestCheckAddr(t *testing.T) {
	t.Parallel()
	refused := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.0.1",
		"168.63.129.16", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1",
		"192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::5db8:d822", "64:ff9b:1::1",
		"100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:2::1", "2001:db8::1", "2002:7f00:1::1", "2002:5db8:d822::1", "3fff::1",
		"5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
		"2606:2800:220:1:0:5efe:10.0.0.1", "2606:2800:220:1:200:5efe:127.0.0.1",
	}
	for _, text := range refused {
		err := egress.CheckAddr(netip.MustParseAddr(text))
		if r, ok := errors.AsType[*egress.RefusedError](err); !ok || r.Reason == "" {
			t.Errorf("%s is allowed (%v)", text, err)
		}
	}
	allowed := []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0", "128.0.0.1", "168.63.129.15", "172.15.255.255", "172.32.0.0",
		"192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:93.184.216.34",
		"2606:2800:220:1:248:1893:25c8:1946", "2001:4860:4860::8888", "2001:200::1", "2003::1", "3ffe::1", "2606:2800:220:1:0:5efe:93.184.216.34",
	}
	for _, text := range allowed {
		if err := egress.CheckAddr(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if egress.CheckAddr(netip.Addr{}) == nil {
		t.Error("no address is allowed")
	}
}

// The standard library's own judgement is a second opinion: whatever it knows
// to be special, this refuses.
func TestCheckAddr_agreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")
		a := netip.AddrFrom4([4]byte(b))
		if rapid.Bool().Draw(t, "six") {
			a = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6")))
		}
		special := a.IsLoopback() || a.IsPrivate() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsUnspecified() || !a.IsGlobalUnicast()
		if err := egress.CheckAddr(a); special && err == nil {
			t.Fatalf("%s is allowed", a)
		}
		if a.Is4() {
			mapped := netip.AddrFrom16(a.As16())
			if (egress.CheckAddr(a) == nil) != (egress.CheckAddr(mapped) == nil) {
				t.Fatalf("%s and %s are judged differently", a, mapped)
			}
		}
	})
}
