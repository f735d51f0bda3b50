package readmodel

import (
	"bytes"
	"sync"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// cacheRows is how many decoded rows a Store keeps.
const cacheRows = 8192

// cache keeps decoded rows of the tables that every request asks for and that
// hardly change. A row is used only if the stored bytes are still the ones it
// was decoded from, so nothing has to be told of changes and snapshots of
// different times can share it. Rows are immutable.
type cache struct {
	mu   sync.RWMutex
	rows map[directory.Key]decoded
}

type decoded struct {
	from []byte
	row  directory.Row
}

// cached reports whether rows of the table are worth keeping.
func cached(t directory.Table) bool {
	switch t { //nolint:exhaustive // the few that every request reads
	case directory.TableSecret, directory.TableDirectory, directory.TableOrganization, directory.TableDomain,
		directory.TableClient, directory.TableSigningKey, directory.TableEnvironment:
		return true
	}
	return false
}

// decode returns the row that the stored bytes stand for.
func (c *cache) decode(k directory.Key, stored []byte) (directory.Row, error) {
	if !cached(k.Table()) {
		return directory.DecodeRow(k, stored)
	}
	c.mu.RLock()
	d, ok := c.rows[k]
	c.mu.RUnlock()
	if ok && bytes.Equal(d.from, stored) {
		return d.row, nil
	}
	row, err := directory.DecodeRow(k, stored)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows == nil || len(c.rows) >= cacheRows {
		c.rows = make(map[directory.Key]decoded)
	}
	c.rows[k] = decoded{bytes.Clone(stored), row}
	return row, nil
}
