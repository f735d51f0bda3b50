package attemptlog

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// tailAhead is how many frames are fetched before a reader of Tail asks for
// them: few, since there are many readers and some are slow.
const tailAhead = 8

// Tailed is a frame as Tail gives it.
type Tailed struct {
	attempts.Stored
	// Behind counts the frames that followed when the server sent this one.
	Behind uint64
	// Gap says that frames before this one, that the reader should have seen, are
	// not there: they were trimmed, or the stream is another one than it was.
	Gap bool
}

// Tail calls each for the frames of all slots, or of one endpoint's if it is
// named, from a sequence on and then as they are recorded, until ctx ends or each
// fails. From 0 begins behind the last.
//
// The first call has no frame, its Index is 0: Seq is where reading begins. Frames
// of other endpoints that share the slot are not left out, nor are checkpoints.
//
// A reader that is slow is waited for; nothing is kept in memory for it but a few
// frames.
//
// Errors: ctx's, ErrUnavailable (call again, from the frame behind the last one
// seen), those of attempts.Decode and of each.
func (l *Log) Tail(ctx context.Context, endpoint string, from uint64, each func(Tailed) error) error {
	subjects := []string{"attempts.*"}
	if endpoint != "" {
		subjects = []string{attempts.Subject(attempts.SlotOf(endpoint))}
	}
	_, last, err := l.Bounds(ctx)
	if err != nil {
		return err
	}
	begin := Tailed{Stored: attempts.Stored{Seq: from}}
	switch {
	case from == 0:
		begin.Seq = last + 1
	case from > last+1:
		begin.Seq, begin.Gap = last+1, true
	case from <= last:
		_, there, err := l.Frame(ctx, from)
		if err != nil {
			return err
		}
		begin.Gap = !there
	}
	if err := each(begin); err != nil {
		return err
	}
	indexes := map[int]uint64{} // of each slot's last frame
	return l.readAhead(ctx, subjects, begin.Seq, tailAhead, func(s attempts.Stored, behind uint64) (bool, error) {
		before, seen := indexes[s.Frame.Slot]
		indexes[s.Frame.Slot] = s.Frame.Index
		return true, each(Tailed{Stored: s, Behind: behind, Gap: seen && s.Frame.Index != before+1})
	})
}
