package directory_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func allow(networks ...string) func(*stage) directory.Command {
	return func(s *stage) directory.Command {
		return directory.AllowDirectoryNetworks{Organization: s.org, Directory: s.scope.Directory, Networks: networks}
	}
}

func TestAllowDirectoryNetworks(t *testing.T) {
	t.Parallel()
	many := make([]string, directory.MaxNetworks+1)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.%d.0/24", i)
	}
	changed := []events.Type{events.TypeDirectoryNetworksAllowed}
	bad := func(says string) *refused { return &refused{kind: fault.Invalid, says: []string{says}} }
	run(t, map[string]example{
		"none, as it is":          {when: allow()},
		"one":                     {when: allow("192.0.2.0/24"), then: changed},
		"the most":                {when: allow(many[1:]...), then: changed},
		"too many":                {when: allow(many...), no: bad("100")},
		"the same, otherwise":     {given: func(s *stage) { s.Must(s.t, allow("192.0.2.0/24", "2001:db8::/32")(s)) }, when: allow(" 2001:DB8:0::1/32", "::ffff:192.0.2.7/120", "192.0.2.9/24")},
		"none again":              {given: func(s *stage) { s.Must(s.t, allow("192.0.2.0/24")(s)) }, when: allow(), then: changed},
		"no network":              {when: allow("acme.example"), no: bad("acme.example")},
		"too many bits":           {when: allow("192.0.2.0/33"), no: bad("192.0.2.0/33")},
		"an address with a zone":  {when: allow("fe80::1%eth0"), no: bad("fe80::1")},
		"half of the mapped ones": {when: allow("::ffff:0:0/90"), no: bad("/90")},
		"another's": {when: func(s *stage) directory.Command {
			return directory.AllowDirectoryNetworks{Organization: s.org, Directory: s.other.Directory}
		}, no: notFound},
	})
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if err := s.directory().Admit("198.51.100.1"); err != nil {
		t.Errorf("without networks: %v", err)
	}
	s.Must(t, allow("192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "::ffff:203.0.113.0/124")(s))
	if d := cmp.Diff([]string{"192.0.2.0/24", "198.51.100.7/32", "2001:db8::/32", "203.0.113.0/28"}, s.directory().Networks); d != "" {
		t.Errorf("networks (-want +got):\n%s", d)
	}
	for address, in := range map[string]bool{
		"192.0.2.0": true, "192.0.2.255": true, "192.0.3.0": false, "::ffff:192.0.2.7": true, "::ffff:192.0.3.7": false,
		"198.51.100.7": true, "198.51.100.8": false, "203.0.113.15": true, "203.0.113.16": false,
		"2001:db8::1": true, "2001:db8:ffff::1%eth0": true, "2001:db9::1": false, "::192.0.2.7": false, "::1": false, "127.0.0.1": false,
		"": false, "unknown": false, "192.0.2.7:443": false, "192.0.2.07": false,
	} {
		err := s.directory().Admit(address)
		if in != (err == nil) || err != nil && fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%q: %v, admitted should be %t", address, err, in)
		}
	}
	// The row as it is read back says the same.
	b, err := directory.EncodeRow(s.directory())
	if err != nil {
		t.Fatal(err)
	}
	r, err := directory.DecodeRow(directory.Make(directory.TableDirectory, s.scope.Directory), b)
	if err != nil {
		t.Fatal(err)
	}
	if d := r.(*directory.Directory); d.Admit("192.0.2.7") != nil || d.Admit("192.0.3.7") == nil {
		t.Error("the row that was read back admits others")
	}
}
