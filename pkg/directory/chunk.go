package directory

import (
	"strings"
)

// chunkRows is how many rows a chunk counts before the next one begins: finding
// a position costs a chunk row for each 512 rows before it, and then at most
// some 512 rows.
const chunkRows = 512

// Chunk counts rows of a directory that lie together: those from the id in its
// key up to the id of the next chunk. Chunks let a list begin at its nth row
// without walking over the rows before it.
type Chunk struct{ Rows uint64 }

func (*Chunk) row() {}

// chunksOf says where the rows of a table are counted.
func chunksOf(rows Table) Table {
	if rows == TableGroup {
		return TableGroupChunk
	}
	return TableUserChunk
}

// Seek returns where to look for the row at a position, from 0 in key order, of
// the users or groups of a directory: among the keys behind after, as many rows
// on as skip says. Behind the last row there is no key to be found.
func Seek(v View, rows Table, dir string, position uint64) (after Key, skip uint64, err error) {
	after, skip = Make(rows, dir)+"\xff", position
	err = v.Scan(Make(chunksOf(rows), dir), "", func(k Key, r Row) bool {
		c := r.(*Chunk) //nolint:errcheck // the table says what its rows are
		if skip < c.Rows {
			after = Make(rows, dir, k.Last()).before()
			return false
		}
		skip -= c.Rows
		return true
	})
	return after, skip, err
}

// before returns a key that is less than k, with no row between the two.
func (k Key) before() Key { return Key(strings.TrimSuffix(string(k), sep)) }

// chunk finds the chunk that counts an id, empty if there is none.
func chunk(v View, t Table, dir, id string) (k Key, c *Chunk, err error) {
	err = v.ScanBack(Make(t, dir), Make(t, dir, id)+"\x01", func(found Key, r Row) bool {
		k, c = found, r.(*Chunk) //nolint:errcheck // the table says what its rows are
		return false
	})
	return k, c, err
}

// countIn counts a row that the event adds. Ids only ever grow, so it is behind
// all others and a full last chunk ends in front of it.
func (f *folding) countIn(rows Table, id string) error {
	totals, _, err := get[*Counts](f.view, Make(TableCounts, f.e.Directory))
	if err != nil {
		return err
	}
	t := chunksOf(rows)
	var k Key
	var c *Chunk
	if totals != nil && *totals.lastChunk(rows) != "" {
		k = Make(t, f.e.Directory, *totals.lastChunk(rows))
		if c, _, err = get[*Chunk](f.view, k); err != nil {
			return err
		}
	}
	if c == nil {
		if k, c, err = chunk(f.view, t, f.e.Directory, id); err != nil {
			return err
		}
	}
	if k == "" || c == nil || c.Rows >= chunkRows {
		k, c = Make(t, f.e.Directory, id), &Chunk{}
	}
	f.put(k, &Chunk{Rows: c.Rows + 1})
	return f.counts(func(c *Counts) { *c.lastChunk(rows) = k.Last() })
}

// countOut takes rows that the event removes out of their chunks. An empty chunk
// is dropped: the one in front then reaches up to the one behind.
func (f *folding) countOut(rows Table, ids []string) error {
	left := map[Key]uint64{}
	var order []Key
	for _, id := range ids {
		k, c, err := chunk(f.view, chunksOf(rows), f.e.Directory, id)
		if err != nil {
			return err
		}
		if k == "" {
			continue
		}
		if _, seen := left[k]; !seen {
			left[k] = c.Rows
			order = append(order, k)
		}
		left[k] -= min(left[k], 1)
	}
	for _, k := range order {
		if left[k] == 0 {
			f.drop(k)
		} else {
			f.put(k, &Chunk{Rows: left[k]})
		}
	}
	return nil
}
