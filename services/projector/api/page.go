package api

import (
	"encoding/base64"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// listKind is the first byte of a page token, so that one list's token is
// refused by another.
type listKind byte

const (
	listOrganizations   listKind = 'o'
	listUsers           listKind = 'u'
	listGroups          listKind = 'g'
	listEndpoints       listKind = 'e'
	listDeliveries      listKind = 'd'
	listReplays         listKind = 'r'
	listSyncLog         listKind = 's'
	listPermissions     listKind = 'p'
	listClients         listKind = 'c'
	listNATSCredentials listKind = 'n'
	listAudit           listKind = 'a'

	listPersons            listKind = 'U'
	listMembers            listKind = 'M'
	listFoundPersons       listKind = 'F'
	listFoundMembers       listKind = 'N'
	listFoundOrganizations listKind = 'O'
	listEvents             listKind = 'E'
)

// cursor is a place in a list: everything behind an id, or the page before one.
// The zero value is the beginning.
type cursor struct {
	at     string
	before bool
}

// maxPosition bounds what a page token holds.
const maxPosition = 512

func (c cursor) token(kind listKind) string {
	if c.at == "" {
		return ""
	}
	way := byte('a')
	if c.before {
		way = 'b'
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte{byte(kind), way}, c.at...))
}

// parseCursor reads a page token. Tokens are opaque but not secret: all one can
// do with a forged one is to start elsewhere in the same list.
func parseCursor(kind listKind, token string) (cursor, error) {
	if token == "" {
		return cursor{}, nil
	}
	if len(token) <= base64.RawURLEncoding.EncodedLen(2+maxPosition) {
		b, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil && len(b) > 2 && b[0] == byte(kind) && (b[1] == 'a' || b[1] == 'b') {
			return cursor{at: string(b[2:]), before: b[1] == 'b'}, nil
		}
	}
	return cursor{}, fault.New(fault.Invalid, "page_token is not one that this list gave; start again without it.")
}

// list says what to page through: the keys below prefix whose last part is an
// id that begins with only, and that keep wants.
type list struct {
	prefix directory.Key
	// key is the whole key of an id.
	key  func(id string) directory.Key
	only string
	keep func(directory.Key, directory.Row) (bool, error)
	// total is the number of matches if it is known: then nothing but the page
	// is read.
	total *uint64
	kind  listKind
}

// page is one page of a list.
type page struct {
	ids        []string
	total      uint32
	next, prev string
}

// read collects the page of size ids at the cursor.
func (l list) read(v directory.View, at cursor, size int) (page, error) {
	pivot := l.key(at.at)
	var after directory.Key
	if l.total != nil && at.at != "" && !at.before {
		after = pivot
	}
	var (
		ids       []string
		seen      uint64
		more      bool // something follows the page
		precedes  bool // something goes before it
		keepError error
	)
	err := v.Scan(l.prefix, after, func(k directory.Key, r directory.Row) bool {
		id := k.Last()
		if len(id) < len(l.only) || id[:len(l.only)] != l.only {
			return true
		}
		if l.keep != nil {
			ok, err := l.keep(k, r)
			if keepError = err; err != nil {
				return false
			}
			if !ok {
				return true
			}
		}
		seen++
		switch {
		case at.before && k >= pivot:
			more = true
		case at.before:
			if ids = append(ids, id); len(ids) > size {
				ids, precedes = ids[1:], true
			}
		case at.at != "" && k <= pivot:
			precedes = true
		case len(ids) < size:
			ids = append(ids, id)
		default:
			more = true
		}
		return l.total == nil || !more
	})
	if err := first(err, keepError); err != nil {
		return page{}, err
	}
	if l.total != nil {
		seen = *l.total
		precedes = precedes || after != ""
	}
	p := page{ids: ids, total: uint32(min(seen, 1<<32-1))}
	if len(ids) == 0 {
		return p, nil
	}
	if more {
		p.next = cursor{at: ids[len(ids)-1]}.token(l.kind)
	}
	if precedes {
		p.prev = cursor{at: ids[0], before: true}.token(l.kind)
	}
	return p, nil
}
