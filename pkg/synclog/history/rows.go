package history

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// place is where an entry is within its directory: its time in microseconds,
// its message's sequence and its index in it, big-endian, so that places sort by
// time.
type place [placeSize]byte

const placeSize = 8 + 8 + 2

func placeOf(at time.Time, seq uint64, index int) (p place) {
	binary.BigEndian.PutUint64(p[:], uint64(max(at.UnixMicro(), 0)))
	binary.BigEndian.PutUint64(p[8:], seq)
	binary.BigEndian.PutUint16(p[16:], uint16(min(index, 1<<16-1))) //nolint:gosec // bounded
	return p
}

// id is how the outside names an entry of a directory.
func (p place) id() string { return hex.EncodeToString(p[:]) }

func parsePlace(id string) (p place, err error) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != placeSize {
		return p, synclog.ErrPlace
	}
	copy(p[:], b)
	return p, nil
}

func (p place) before(o place) bool { return bytes.Compare(p[:], o[:]) < 0 }

// above is the place that comes right after.
func (p place) above() place {
	for i := placeSize - 1; i >= 0; i-- {
		if p[i]++; p[i] != 0 {
			break
		}
	}
	return p
}

// prefix is what all rows of a directory begin with, or all of one of its tags.
// Neither ids nor tags hold a zero byte.
func prefix(parts ...string) []byte {
	return append([]byte(strings.Join(parts, "\x00")), 0)
}

// Tags, by their first letter.
const (
	tagCause    = "c"
	tagResource = "r"
	tagEndpoint = "e"
	tagClass    = "s"
)

// tags are all that an entry is found by.
func tags(e *synclog.Entry) []string {
	out := make([]string, 0, 4+len(e.Deviations)+len(e.Resources))
	seen := map[string]bool{}
	add := func(kind, s string) {
		t := kind + s
		if s != "" && !seen[t] && !strings.Contains(s, "\x00") {
			seen[t] = true
			out = append(out, t)
		}
	}
	add(tagCause, e.Cause)
	for _, d := range e.Deviations {
		add(tagCause, d.Cause)
	}
	add(tagResource, e.Resource)
	for _, r := range e.Resources {
		add(tagResource, r)
	}
	add(tagEndpoint, e.Endpoint)
	add(tagClass, strconv.Itoa(e.Status/100))
	return out
}

// dirRow is what is kept of a directory as a whole.
type dirRow struct {
	Organization string        `json:"organization"`
	Since        time.Time     `json:"since"`
	Entries      int           `json:"entries"`
	Usage        synclog.Usage `json:"usage"`
}

func readDir(tx *bolt.Tx, id string) (r dirRow, err error) {
	if v := tx.Bucket(dirBucket).Get([]byte(id)); v != nil {
		if err = json.Unmarshal(v, &r); err != nil {
			err = fmt.Errorf("read the row of directory %s: %w", id, err)
		}
	}
	return r, err
}

func writeDir(tx *bolt.Tx, id string, r dirRow) error {
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.Bucket(dirBucket).Put([]byte(id), v)
}

// putEntry writes an entry's rows.
func putEntry(tx *bolt.Tx, dir string, p place, e *synclog.Entry) error {
	v, err := json.Marshal(e) //nolint:gosec // the secret's id
	if err != nil {
		return err
	}
	if err := tx.Bucket(entryBucket).Put(append(prefix(dir), p[:]...), v); err != nil {
		return err
	}
	b := tx.Bucket(tagBucket)
	for _, t := range tags(e) {
		if err := b.Put(append(prefix(dir, t), p[:]...), nil); err != nil {
			return err
		}
	}
	return nil
}

// dropEntry deletes an entry's rows and reports whether there were any.
func dropEntry(tx *bolt.Tx, dir string, p place) (bool, error) {
	key := append(prefix(dir), p[:]...)
	v := tx.Bucket(entryBucket).Get(key)
	if v == nil {
		return false, nil
	}
	var e synclog.Entry
	if err := json.Unmarshal(v, &e); err != nil {
		return false, fmt.Errorf("read entry %s of directory %s: %w", p.id(), dir, err)
	}
	b := tx.Bucket(tagBucket)
	for _, t := range tags(&e) {
		if err := b.Delete(append(prefix(dir, t), p[:]...)); err != nil {
			return false, err
		}
	}
	return true, tx.Bucket(entryBucket).Delete(key)
}

// message is the row by which a message's entries are found again.
func messageKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func putMessage(tx *bolt.Tx, seq uint64, dir string, places []place) error {
	v := prefix(dir)
	for _, p := range places {
		v = append(v, p[:]...)
	}
	return tx.Bucket(messageBucket).Put(messageKey(seq), v)
}

func readMessage(v []byte) (dir string, places []place, err error) {
	name, rest, ok := bytes.Cut(v, []byte{0})
	if !ok || len(rest)%placeSize != 0 {
		return "", nil, fmt.Errorf("a message's row of %d bytes cannot be read", len(v))
	}
	for ; len(rest) > 0; rest = rest[placeSize:] {
		places = append(places, place(rest[:placeSize]))
	}
	return string(name), places, nil
}
