package synclog

import (
	"errors"
	"time"
)

// ErrPlace says that a query's After is not a place that a page gave.
var ErrPlace = errors.New("synclog: this is not a place in a listing")

// MaxPage is how many entries one page holds at most.
const MaxPage = 500

// Query chooses entries of one directory. Fields that are empty choose all.
type Query struct {
	Directory string
	// Cause chooses entries that were refused or tolerated for it.
	Cause string
	// Resource chooses entries about a resource, by its id.
	Resource string
	// Endpoint is Users, Groups, Bulk and so on.
	Endpoint string
	// Class is the hundred of the status: 2, 4 or 5.
	Class int
	// From and To choose entries that began at From or later and before To.
	From, To time.Time
	// After continues behind a place that a page gave as its Next.
	After string
	// Limit is how many entries are wanted, 1 to MaxPage; others are brought into
	// that range.
	Limit int
}

// Page is a part of a listing, the newest entry first.
type Page struct {
	Entries []Entry
	// Next is the place behind the page, at most 64 bytes; empty if there is
	// nothing behind it. A page with a Next can have fewer entries than asked for,
	// even none, where looking for more would have taken too long.
	Next string
}

// Status is how a directory was used, as far back as the record goes.
type Status struct {
	Usage
	// Since is when the counts begin, zero if nothing is known.
	Since time.Time
}

// Stored is a message of REQUESTS.
type Stored struct {
	Seq   uint64
	Size  int // bytes of the wire form
	Batch Batch
	// Err says why the message could not be read; Batch is empty then.
	Err error
}

// Extent is what REQUESTS holds.
type Extent struct {
	// Created tells one stream from another of the same name.
	Created time.Time
	// First is the first sequence that is kept, Last the last that was given; Last
	// is at least First-1.
	First, Last uint64
}
