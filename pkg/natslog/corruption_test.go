package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// incompressible returns a frame of about size bytes that S2 cannot shrink.
func incompressible(at eventlog.Position, size int) []byte {
	r := rand.NewChaCha8([32]byte{byte(at.Index), byte(at.Index >> 8), byte(at.Index >> 16)})
	payload := make([]byte, size)
	_, _ = r.Read(payload)
	return frame.Encode(frame.Frame{Header: at.Next(), Commits: []frame.Commit{{Command: fmt.Sprint("c", at.Index), Events: []events.Event{{
		Type: "user.created.v1", ID: at.Index + 1, At: time.UnixMicro(1).UTC(), Payload: payload,
	}}}}})
}

// TestCorruption damages the files of a stopped server, which mostly says
// nothing when it starts again, and holds that no damage is
// ever read as a shorter log.
func TestCorruption(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	js, stop := start(t, whole, 64*mib)
	ensure(t, js, natslog.Config{Sizes: natslog.Shares(64 * mib)})
	log := open(t, js, 0, natslog.Options{Sole: true})
	positions := []eventlog.Position{{}}
	for range 176 {
		at := positions[len(positions)-1]
		positions = append(positions, logtest.Append(t, log, at, incompressible(at, 128<<10)))
	}
	stop()
	end := positions[len(positions)-1]

	for name, test := range map[string]struct {
		damage  func(t *testing.T, msgs string)
		rebuilt bool // index.db is missing, so the server reads the blocks again
	}{
		"nothing": {damage: func(*testing.T, string) {}},
		"a payload bit in the first block": {damage: func(t *testing.T, msgs string) {
			flip(t, blocks(t, msgs)[0], 1<<20)
		}},
		"a payload bit in the first block, index missing": {rebuilt: true, damage: func(t *testing.T, msgs string) {
			flip(t, blocks(t, msgs)[0], 1<<20)
		}},
		"a payload bit in the last block": {damage: func(t *testing.T, msgs string) {
			flip(t, last(t, msgs), size(t, last(t, msgs))/2)
		}},
		"a payload bit in the last block, index missing": {rebuilt: true, damage: func(t *testing.T, msgs string) {
			flip(t, last(t, msgs), size(t, last(t, msgs))/2)
		}},
		"a payload bit of the last frame": {damage: func(t *testing.T, msgs string) {
			flip(t, last(t, msgs), size(t, last(t, msgs))-1000)
		}},
		"a payload bit of the last frame, index missing": {rebuilt: true, damage: func(t *testing.T, msgs string) {
			flip(t, last(t, msgs), size(t, last(t, msgs))-1000)
		}},
		"the tail cut": {damage: func(t *testing.T, msgs string) {
			cut(t, last(t, msgs), 100)
		}},
		"the tail cut, index missing": {rebuilt: true, damage: func(t *testing.T, msgs string) {
			cut(t, last(t, msgs), 100)
		}},
		"the first block deleted": {damage: func(t *testing.T, msgs string) {
			remove(t, blocks(t, msgs)[0])
		}},
		"the first block deleted, index missing": {rebuilt: true, damage: func(t *testing.T, msgs string) {
			remove(t, blocks(t, msgs)[0])
		}},
		"a middle block deleted": {damage: func(t *testing.T, msgs string) {
			remove(t, blocks(t, msgs)[1])
		}},
		"the last block deleted": {damage: func(t *testing.T, msgs string) {
			remove(t, last(t, msgs))
		}},
		"all blocks deleted": {rebuilt: true, damage: func(t *testing.T, msgs string) {
			for _, b := range blocks(t, msgs) {
				remove(t, b)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			msgs := filepath.Join(dir, "jetstream", "$G", "streams", natslog.LogStream, "msgs")
			if test.rebuilt {
				remove(t, filepath.Join(msgs, "index.db"))
			}
			test.damage(t, msgs)
			js, _ := start(t, dir, 64*mib)
			log := open(t, js, 0, natslog.Options{})
			before := report(t, log, end)
			t.Log(before)
			if name == "nothing" {
				if before.any() || before.read != len(positions)-1 {
					t.Errorf("an undamaged log: %v", before)
				}
				return
			}
			if !before.any() {
				t.Errorf("the damage was not noticed: %v", before)
			}
			// A rebuild from the beginning has no checkpoint. Shorter than the
			// log was, it must have ended in an error, unless the checkpoint or the
			// check told.
			if before.read < len(positions)-1 && before.reader == nil && before.checkpoint == nil {
				t.Errorf("%d of %d frames were read and nobody said so: %v", before.read, len(positions)-1, before)
			}
			// A writer that goes on at the server's end, as one without a
			// checkpoint would, does not hide it.
			tail, err := log.Tail(t.Context())
			if err != nil {
				return
			}
			at := end
			at.Seq = tail
			if _, err := log.Append(t.Context(), at, logtest.Frame(at, "after the damage", 1)); errors.Is(err, eventlog.ErrConflict) {
				return // the server disagrees with itself, so nobody can go on
			} else if err != nil {
				t.Fatal(err)
			}
			if after := report(t, log, end); !after.any() {
				t.Errorf("the damage is no longer noticed after an append: %v", after)
			}
		})
	}
}

// TestStuckServer holds that a reader does not wait for ever for a block that
// the server cannot read and keeps quiet about. A compressed one is such a
// block, which is why Ensure does not compress.
func TestStuckServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	js, stop := start(t, dir, 64*mib)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natslog.LogStream, Subjects: []string{"log.*"}, Compression: jetstream.S2Compression}); err != nil {
		t.Fatal(err)
	}
	log := open(t, js, 0, natslog.Options{Sole: true})
	var at eventlog.Position
	for range 72 {
		at = logtest.Append(t, log, at, incompressible(at, 256<<10))
	}
	stop()
	flip(t, blocks(t, filepath.Join(dir, "jetstream", "$G", "streams", natslog.LogStream, "msgs"))[0], 1<<20)
	js, _ = start(t, dir, 64*mib)
	log = open(t, js, 0, natslog.Options{})
	r, err := log.Open(t.Context(), eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := r.Next(ctx)
		if errors.Is(err, eventlog.ErrUnavailable) {
			continue // as its doc says: call again
		}
		if g, ok := errors.AsType[*eventlog.GapError](err); !ok || g.Want != 1 {
			t.Errorf("a block that cannot be read reads as %v, want a GapError", err)
		}
		return
	}
}

// findings are what the three who look at a log say.
type findings struct {
	checkpoint, reader, check error
	read                      int
}

func (f findings) any() bool { return f.checkpoint != nil || f.reader != nil || f.check != nil }

func (f findings) String() string {
	return fmt.Sprintf("read %d; checkpoint: %v; reader: %v; check: %v", f.read, f.checkpoint, f.reader, f.check)
}

func report(t *testing.T, log eventlog.Log, end eventlog.Position) findings {
	t.Helper()
	var f findings
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := log.Open(ctx, end)
	if err == nil {
		_ = r.Close()
	}
	f.checkpoint = err
	entries, err := logtest.TryRead(t, log, eventlog.Position{})
	f.read, f.reader = len(entries), err
	f.check = log.Check(ctx)
	for what, err := range map[string]error{"checkpoint": f.checkpoint, "reader": f.reader, "check": f.check} {
		_, mismatch := errors.AsType[*eventlog.MismatchError](err)
		if err != nil && !mismatch && !errors.Is(err, eventlog.ErrDamaged) {
			t.Errorf("the %s says %v, which is not about damage", what, err)
		}
	}
	return f
}

func blocks(t *testing.T, msgs string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(msgs, "*.blk"))
	if err != nil || len(found) < 3 {
		t.Fatalf("%d blocks, %v; the test needs 3", len(found), err)
	}
	slices.SortFunc(found, func(a, b string) int { return number(a) - number(b) })
	return found
}

func number(block string) (n int) {
	_, _ = fmt.Sscanf(filepath.Base(block), "%d.blk", &n)
	return n
}

// last returns the last block that holds anything.
func last(t *testing.T, msgs string) string {
	t.Helper()
	all := blocks(t, msgs)
	for _, b := range slices.Backward(all) {
		if size(t, b) > 64<<10 {
			return b
		}
	}
	t.Fatalf("no block of %d holds anything", len(all))
	return ""
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func flip(t *testing.T, path string, offset int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[offset] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, path string, bytes int64) {
	t.Helper()
	if err := os.Truncate(path, size(t, path)-bytes); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
