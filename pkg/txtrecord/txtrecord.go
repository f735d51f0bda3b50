// Package txtrecord looks TXT records up in the DNS, within bounds.
//
// What must not live here: what a record is worth (pkg/directory), when it is
// looked up (services/projector/verifier).
package txtrecord

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	// patience bounds one look-up, whatever its context says.
	patience = 5 * time.Second
	// maxRecords is how many records of an answer are looked at.
	maxRecords = 100
)

// Resolver looks up the TXT records of a name; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// At returns a resolver that asks the server at an address (host:port), or those
// of the system if it is empty.
func At(address string) Resolver {
	if address == "" {
		return net.DefaultResolver
	}
	var d net.Dialer
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, address)
	}}
}

// Holds reports whether one of a name's TXT records is the text. That there is
// no such name, or no such record, is no error: an error means that nobody could
// tell.
func Holds(ctx context.Context, r Resolver, name, text string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	records, err := r.LookupTXT(ctx, strings.TrimSuffix(name, ".")+".") // as it is, below no search domain
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(records[:min(len(records), maxRecords)], func(s string) bool { return strings.TrimSpace(s) == text }), nil
}
