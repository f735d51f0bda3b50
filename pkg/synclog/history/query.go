package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

const (
	// freshWithin is how long a listing waits to show what is in the stream.
	freshWithin = 2 * time.Second
	// maxSteps bounds how many rows one page looks at. Only queries whose tags are
	// all frequent and never meet come so far.
	maxSteps = 20_000
)

// List returns a page of the entries that a query chooses, the newest first.
// Pages do not overlap, whatever is folded meanwhile. It waits up to two seconds
// for what is in the stream already, and shows what it has otherwise.
//
// Errors: synclog.ErrPlace, ctx's, those of the file.
func (h *History) List(ctx context.Context, q synclog.Query) (synclog.Page, error) {
	top := place(bytes.Repeat([]byte{math.MaxUint8}, placeSize))
	if !q.To.IsZero() {
		top = placeOf(q.To, 0, 0)
	}
	if q.After != "" {
		after, err := parsePlace(q.After)
		if err != nil {
			return synclog.Page{}, err
		}
		if after.before(top) {
			top = after
		}
	}
	waiting, cancel := context.WithTimeout(ctx, freshWithin)
	defer cancel()
	if err := h.CatchUp(waiting); err != nil && ctx.Err() != nil {
		return synclog.Page{}, context.Cause(ctx)
	}
	var page synclog.Page
	err := h.db.View(func(tx *bolt.Tx) (err error) {
		page, err = list(ctx, tx, q, top)
		return err
	})
	return page, err
}

func list(ctx context.Context, tx *bolt.Tx, q synclog.Query, top place) (page synclog.Page, err error) {
	row, err := readDir(tx, q.Directory)
	if err != nil {
		return page, err
	}
	limit := max(1, min(q.Limit, synclog.MaxPage))
	var bottom place
	if !q.From.IsZero() {
		bottom = placeOf(q.From, 0, 0)
	}
	lists := listsOf(tx, q)
	entries := tx.Bucket(entryBucket)
	for steps := 0; ; {
		p, ok := meet(lists, top, &steps)
		switch {
		case !ok && steps < maxSteps, ok && p.before(bottom):
			return page, nil
		case !ok:
			page.Next = p.above().id()
			return page, nil
		case ctx.Err() != nil:
			return page, context.Cause(ctx)
		case len(page.Entries) == limit:
			// The next page begins behind the last entry of this one.
			page.Next = page.Entries[limit-1].ID
			return page, nil
		}
		v := entries.Get(append(prefix(q.Directory), p[:]...))
		e := synclog.Entry{ID: p.id()}
		if v == nil {
			return page, fmt.Errorf("entry %s of directory %s has tags and no row", e.ID, q.Directory)
		}
		if err := json.Unmarshal(v, &e); err != nil {
			return page, fmt.Errorf("read entry %s of directory %s: %w", e.ID, q.Directory, err)
		}
		e.Organization, e.Directory = row.Organization, q.Directory
		page.Entries = append(page.Entries, e)
		top = p
	}
}

// rows are places in one bucket below one prefix.
type rows struct {
	cursor *bolt.Cursor
	prefix []byte
}

// listsOf returns what has to agree on an entry.
func listsOf(tx *bolt.Tx, q synclog.Query) []rows {
	var lists []rows
	add := func(kind, s string) {
		if s != "" {
			lists = append(lists, rows{tx.Bucket(tagBucket).Cursor(), prefix(q.Directory, kind+s)})
		}
	}
	add(tagResource, q.Resource)
	add(tagCause, q.Cause)
	add(tagEndpoint, q.Endpoint)
	if q.Class != 0 {
		add(tagClass, strconv.Itoa(q.Class))
	}
	if len(lists) == 0 {
		lists = append(lists, rows{tx.Bucket(entryBucket).Cursor(), prefix(q.Directory)})
	}
	return lists
}

// below returns the last place before limit, or at it.
func (r rows) below(limit place, inclusive bool) (p place, ok bool) {
	key := append(bytes.Clone(r.prefix), limit[:]...)
	k, _ := r.cursor.Seek(key)
	if !inclusive || !bytes.Equal(k, key) {
		if k == nil {
			k, _ = r.cursor.Last()
		} else {
			k, _ = r.cursor.Prev()
		}
	}
	if len(k) != len(r.prefix)+placeSize || !bytes.HasPrefix(k, r.prefix) {
		return p, false
	}
	return place(k[len(r.prefix):]), true
}

// meet finds the last place before top that all lists have: each in turn goes
// down to where the one before stands, until all stand there. If that takes too
// many steps, ok is false and p is how far it came.
func meet(lists []rows, top place, steps *int) (p place, ok bool) {
	if p, ok = lists[0].below(top, false); !ok {
		return p, false
	}
	for agree, i := 1, 1; agree < len(lists); i++ {
		if *steps++; *steps >= maxSteps {
			return p, false
		}
		next, ok := lists[i%len(lists)].below(p, true)
		switch {
		case !ok:
			return p, false
		case next == p:
			agree++
		default:
			p, agree = next, 1
		}
	}
	*steps++
	return p, true
}

// Status returns how a directory was used, as far as that is folded: some
// seconds ago.
//
// Errors: ctx's, those of the file.
func (h *History) Status(ctx context.Context, directory string) (synclog.Status, error) {
	if err := ctx.Err(); err != nil {
		return synclog.Status{}, context.Cause(ctx)
	}
	var row dirRow
	err := h.db.View(func(tx *bolt.Tx) (err error) {
		row, err = readDir(tx, directory)
		return err
	})
	return synclog.Status{Usage: row.Usage, Since: row.Since}, err
}
