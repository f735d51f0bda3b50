package attempts

import (
	"errors"
	"fmt"
)

// ErrGap says that frames of a slot are missing: reading must begin at a
// checkpoint.
var ErrGap = errors.New("attempts: frames of the slot are missing")

// Stored is a frame and where it was found.
type Stored struct {
	Seq   uint64
	Frame Frame
}

// Place is how far a slot is folded.
type Place struct {
	// Seq is the sequence in ATTEMPTS of the last frame, Index its own count.
	Seq, Index uint64
	// Checkpoint is the sequence of the first part of the last complete
	// checkpoint, 0 if there is none, and Since the records behind it.
	Checkpoint uint64
	Since      uint64
	// Begun is the sequence of the first part of a checkpoint that is not
	// complete, 0 if there is none. While Loading, its rows are what is folded.
	Begun   uint64
	Loading bool
}

// Loader is Rows that can begin again from a checkpoint.
type Loader interface {
	Rows
	// Reset removes all rows of the slot; delivered ones may stay.
	Reset(slot int) error
}

// Reset implements Loader.
func (s *State) Reset(int) error {
	clear(s.endpoints)
	return nil
}

// Apply folds the slot's next frame, found at seq, and returns the new place.
// A frame at or before p.Seq is skipped. Reading may begin at the slot's very
// first frame or at the first part of any complete checkpoint; where frames
// were trimmed in between, a checkpoint is loaded in place of what was there.
//
// Errors: ErrGap, and those of rows.
func Apply(rows Loader, p Place, seq uint64, f Frame) (Place, error) {
	if seq <= p.Seq {
		return p, nil
	}
	next := p.Seq > 0 && f.Index == p.Index+1 || p.Seq == 0 && f.Index == 1
	if f.Part == 0 {
		if !next || p.Loading {
			return p, fmt.Errorf("%w: frame %d of slot %d follows frame %d", ErrGap, f.Index, f.Slot, p.Index)
		}
		for _, r := range f.Records {
			if err := Fold(rows, r); err != nil {
				return p, err
			}
		}
		p.Seq, p.Index, p.Begun = seq, f.Index, 0
		p.Since += uint64(len(f.Records))
		return p, nil
	}
	switch {
	case f.Part == 1 && (!next || p.Loading):
		if err := rows.Reset(f.Slot); err != nil {
			return p, err
		}
		p = Place{Loading: true, Begun: seq}
	case f.Part == 1:
		p.Begun = seq
	case !next || p.Begun == 0:
		return p, fmt.Errorf("%w: part %d of a checkpoint of slot %d follows frame %d", ErrGap, f.Part, f.Slot, p.Index)
	}
	if p.Loading {
		if err := load(rows, f); err != nil {
			return p, err
		}
	}
	p.Seq, p.Index = seq, f.Index
	if f.Part == f.Parts {
		p.Checkpoint, p.Since, p.Begun, p.Loading = p.Begun, 0, 0, false
	}
	return p, nil
}

func load(rows Rows, f Frame) error {
	for _, e := range f.Endpoints {
		if err := rows.PutEndpoint(e); err != nil {
			return err
		}
	}
	for _, d := range f.Deliveries {
		if err := rows.PutDelivery(d); err != nil {
			return err
		}
	}
	for _, p := range f.Replays {
		if err := rows.PutReplay(p); err != nil {
			return err
		}
	}
	return nil
}
