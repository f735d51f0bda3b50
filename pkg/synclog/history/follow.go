package history

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

const (
	// batchMessages, batchBytes and gather bound a transaction, unless somebody
	// waits for it: each is two syncs of a disk that the log of all writes is on.
	batchMessages = 1000
	batchBytes    = 8 << 20
	gather        = time.Second
	// pruneEvery is how often is looked for what the stream has dropped.
	pruneEvery = time.Minute
	// pruneMessages bounds one transaction that removes rows.
	pruneMessages = 1000
	// retryPause is the time before a stream that cannot be read is tried again.
	retryPause = time.Second
	// maxSecrets is how many secrets of a directory have a time of last use, the
	// latest first; keepDirs is how long a directory's use is remembered.
	maxSecrets = 50
	keepDirs   = 400 * 24 * time.Hour
)

// errFile marks failures of the file.
var errFile = errors.New("history: the file cannot be written")

// Follow folds the stream until ctx ends. It returns early only if the file
// cannot be written.
func (h *History) Follow(ctx context.Context) error {
	for warned := false; ; {
		at := h.position()
		err := h.follow(ctx)
		warned = warned && h.position() == at // it had been read meanwhile
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, errFile) {
			return err
		}
		if !warned {
			h.log.Warn("the stream of the sync log cannot be read; trying again", "error", err)
			warned = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(retryPause):
		}
	}
}

// follow reads in one goroutine and writes in this one.
func (h *History) follow(ctx context.Context) error {
	if err := h.prune(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages := make(chan synclog.Stored, 64)
	read := make(chan error, 1)
	go func() {
		defer close(messages)
		read <- h.source.Follow(ctx, h.position(), func(s synclog.Stored) error {
			select {
			case messages <- s:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	fail := func(err error) error {
		cancel()
		for range messages { // let the reader end
		}
		return err
	}
	pruning := time.NewTicker(pruneEvery)
	defer pruning.Stop()
	for {
		batch, open := h.collect(messages, pruning.C)
		if len(batch) > 0 {
			if err := h.write(batch); err != nil {
				return fail(errors.Join(errFile, err))
			}
		}
		if !open {
			return <-read
		}
		if len(batch) == 0 {
			if err := h.prune(ctx); err != nil {
				return fail(err)
			}
		}
	}
}

// collect waits for a message and takes what comes within gather after it. An
// empty batch is the time to prune.
func (h *History) collect(messages <-chan synclog.Stored, prune <-chan time.Time) (batch []synclog.Stored, open bool) {
	size := 0
	add := func(m synclog.Stored, ok bool) bool {
		if ok {
			batch = append(batch, m)
			size += m.Size
		}
		return ok
	}
	select {
	case m, ok := <-messages:
		if !add(m, ok) {
			return nil, false
		}
	case <-prune:
		return nil, true
	}
	wait := time.NewTimer(gather)
	defer wait.Stop()
	hurried := false
	for len(batch) < batchMessages && size < batchBytes {
		if hurried { // take what is at hand
			select {
			case m, ok := <-messages:
				if !add(m, ok) {
					return batch, false
				}
				continue
			default:
				return batch, true
			}
		}
		select {
		case m, ok := <-messages:
			if !add(m, ok) {
				return batch, false
			}
		case <-h.hurry:
			hurried = true
		case <-wait.C:
			return batch, true
		}
	}
	return batch, true
}

// write folds messages in one transaction.
func (h *History) write(batch []synclog.Stored) error {
	last := batch[len(batch)-1].Seq
	err := h.db.Update(func(tx *bolt.Tx) error {
		for i := range batch {
			if err := h.fold(tx, &batch[i]); err != nil {
				return err
			}
		}
		return tx.Bucket(metaBucket).Put(positionKey, binary.BigEndian.AppendUint64(nil, last))
	})
	if err != nil {
		return err
	}
	h.move(max(last, h.position()))
	return nil
}

func (h *History) fold(tx *bolt.Tx, s *synclog.Stored) error {
	dir := s.Batch.Directory
	if s.Err == nil && strings.Contains(dir, "\x00") {
		s.Err = synclog.ErrMalformed
	}
	if s.Err != nil {
		h.log.Warn("a message of the sync log cannot be read and is passed over", "sequence", s.Seq, "error", s.Err)
		return nil
	}
	row, err := readDir(tx, dir)
	if err != nil {
		return err
	}
	row.Organization = s.Batch.Organization
	if u := s.Batch.Usage; u != nil {
		if row.Since.IsZero() {
			row.Since = u.Last
		}
		row.Usage.Merge(*u)
		forgetSecrets(row.Usage.Secrets)
	}
	places := make([]place, 0, len(s.Batch.Entries))
	for i := range s.Batch.Entries {
		e := &s.Batch.Entries[i]
		p := placeOf(e.At, s.Seq, i)
		if err := putEntry(tx, dir, p, e); err != nil {
			return err
		}
		places = append(places, p)
	}
	if len(places) > 0 {
		if err := putMessage(tx, s.Seq, dir, places); err != nil {
			return err
		}
	}
	row.Entries += len(places)
	if row.Entries > h.most {
		n, err := dropOldest(tx, dir, row.Entries-h.most)
		if err != nil {
			return err
		}
		row.Entries -= n
	}
	return writeDir(tx, dir, row)
}

// forgetSecrets keeps the secrets that were used last.
func forgetSecrets(used map[string]time.Time) {
	if len(used) <= maxSecrets {
		return
	}
	times := make([]time.Time, 0, len(used))
	for _, t := range used {
		times = append(times, t)
	}
	slices.SortFunc(times, time.Time.Compare)
	oldest := times[len(times)-maxSecrets]
	for id, t := range used {
		if t.Before(oldest) {
			delete(used, id)
		}
	}
}

// dropOldest removes the oldest entries of a directory.
func dropOldest(tx *bolt.Tx, dir string, n int) (dropped int, err error) {
	var places []place
	pre := prefix(dir)
	c := tx.Bucket(entryBucket).Cursor()
	for k, _ := c.Seek(pre); len(places) < n && bytes.HasPrefix(k, pre) && len(k) == len(pre)+placeSize; k, _ = c.Next() {
		places = append(places, place(k[len(pre):]))
	}
	for _, p := range places {
		if ok, err := dropEntry(tx, dir, p); err != nil {
			return dropped, err
		} else if ok {
			dropped++
		}
	}
	return dropped, nil
}

// prune removes what the stream has dropped, and directories that nobody has
// used for long. It finds out first whether the file fits the stream at all.
//
// Errors: the source's, errFile.
func (h *History) prune(ctx context.Context) error {
	e, err := h.source.Extent(ctx)
	if err != nil {
		return err
	}
	if err := h.fits(e); err != nil {
		return errors.Join(errFile, err)
	}
	for more := true; more && ctx.Err() == nil; {
		// Looking first spares the disk a transaction without changes.
		if more = h.before(e.First); !more {
			break
		}
		if err := h.db.Update(func(tx *bolt.Tx) error { return pruneTo(tx, e.First) }); err != nil {
			return errors.Join(errFile, err)
		}
	}
	if at := h.position(); at+1 < e.First {
		h.move(e.First - 1) // there is nothing left to wait for
	}
	if err := h.forgetDirs(time.Now().Add(-keepDirs)); err != nil {
		return errors.Join(errFile, err)
	}
	return nil
}

// before reports whether there are rows of messages before a sequence.
func (h *History) before(seq uint64) (is bool) {
	_ = h.db.View(func(tx *bolt.Tx) error {
		k, _ := tx.Bucket(messageBucket).Cursor().First()
		is = k != nil && binary.BigEndian.Uint64(k) < seq
		return nil
	})
	return is
}

func pruneTo(tx *bolt.Tx, first uint64) error {
	type gone struct {
		key    []byte
		dir    string
		places []place
	}
	var list []gone
	c := tx.Bucket(messageBucket).Cursor()
	for k, v := c.First(); k != nil && len(list) < pruneMessages && binary.BigEndian.Uint64(k) < first; k, v = c.Next() {
		dir, places, err := readMessage(v)
		if err != nil {
			return err
		}
		list = append(list, gone{bytes.Clone(k), dir, places})
	}
	less := map[string]int{}
	for _, g := range list {
		for _, p := range g.places {
			ok, err := dropEntry(tx, g.dir, p)
			if err != nil {
				return err
			}
			if ok {
				less[g.dir]++
			}
		}
		if err := tx.Bucket(messageBucket).Delete(g.key); err != nil {
			return err
		}
	}
	for dir, n := range less {
		row, err := readDir(tx, dir)
		if err != nil {
			return err
		}
		row.Entries -= n
		if err := writeDir(tx, dir, row); err != nil {
			return err
		}
	}
	return nil
}

// forgetDirs removes what is known of directories that were not used since.
func (h *History) forgetDirs(since time.Time) error {
	var old []string
	err := h.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(dirBucket).ForEach(func(k, _ []byte) error {
			row, err := readDir(tx, string(k))
			if err == nil && row.Entries == 0 && later(row.Usage.Last, row.Since).Before(since) {
				old = append(old, string(k))
			}
			return err
		})
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return h.db.Update(func(tx *bolt.Tx) error {
		for _, dir := range old {
			if err := tx.Bucket(dirBucket).Delete([]byte(dir)); err != nil {
				return err
			}
		}
		return nil
	})
}
