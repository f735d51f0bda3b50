package directory

import (
	"time"

	"github.com/rollcallhq/rollcall/events"
)

// How a fan-out stands.
const (
	ProgressRunning  = "running"
	ProgressFinished = "finished"
	// ProgressReplaced is of a fan-out whose rest a later one covers.
	ProgressReplaced = "replaced"
)

// MaxProgress is how many fan-outs of a directory are remembered that have
// ended, the newest.
const MaxProgress = 20

// FanoutProgress says how far a fan-out of a directory is, or how it ended. Its
// key is the directory and the job. Only projectors keep it: nothing is decided
// by it.
type FanoutProgress struct {
	Job      string     `json:"job"`
	Kind     FanoutKind `json:"kind"`
	Resource string     `json:"resource"`
	Actor    string     `json:"actor,omitempty"`
	Status   string     `json:"status"`
	Started  time.Time  `json:"started"`
	Ended    time.Time  `json:"ended,omitzero"`
	// Done counts the keys that are covered, Total those that there were when it
	// began. Keys come and go meanwhile, so Done may end up on either side of it.
	Done  uint64 `json:"done"`
	Total uint64 `json:"total"`
}

func (*FanoutProgress) row() {}

// Progress returns the rows by which the fan-outs of directories are followed, as
// far as an event changes them. v is the view before the event is folded, folded
// what Evolve returns for it.
//
// Those of a directory that is deleted go with it, and fan-outs of organizations,
// roles and webhook endpoints are followed elsewhere or by nobody: they are about
// more than one directory.
func Progress(v View, e events.Event, folded []Change) ([]Change, error) {
	if e.Type == events.TypeDirectoryDeleted {
		var gone []Change
		err := v.Scan(Make(TableProgress, e.Directory), "", func(k Key, _ Row) bool {
			gone = append(gone, Change{k, nil})
			return true
		})
		return gone, err
	}
	var changes []Change
	for _, c := range folded {
		if c.Key.Table() != TableFanout {
			continue
		}
		old, ok, err := get[*Fanout](v, c.Key)
		if err != nil {
			return nil, err
		}
		var next []Change
		switch now, _ := c.Row.(*Fanout); {
		case ok:
			next, err = old.advance(v, e, now)
		case now != nil:
			next, err = now.begin(v, e)
		}
		if err != nil {
			return nil, err
		}
		changes = append(changes, next...)
	}
	return changes, nil
}

// begin returns the row of a fan-out that e starts, and drops the oldest of those
// that have ended if there are too many. The first stretch is covered by e.
func (j *Fanout) begin(v View, e events.Event) ([]Change, error) {
	if j.Directory == "" || j.Kind == FanoutBackfill {
		return nil, nil
	}
	total, err := j.size(v)
	if err != nil {
		return nil, err
	}
	changes := []Change{{Make(TableProgress, j.Directory, j.Job), &FanoutProgress{
		Job: j.Job, Kind: j.Kind, Resource: j.Resource, Actor: e.Actor, Status: ProgressRunning, Started: e.At, Done: FanoutBatch, Total: total,
	}}}
	ended := 0
	err = v.ScanBack(Make(TableProgress, j.Directory), "", func(k Key, r Row) bool {
		if p, ok := r.(*FanoutProgress); ok && p.Status != ProgressRunning {
			if ended++; ended > MaxProgress {
				changes = append(changes, Change{k, nil})
			}
		}
		return true
	})
	return changes, err
}

// advance returns the row of a fan-out that e takes a step further, or ends: then
// now is nil.
func (j *Fanout) advance(v View, e events.Event, now *Fanout) ([]Change, error) {
	k := Make(TableProgress, j.Directory, j.Job)
	was, ok, err := get[*FanoutProgress](v, k)
	if err != nil || !ok {
		return nil, err
	}
	p := *was
	if e.Type == events.TypeFanoutContinued {
		step, err := events.Decode[events.FanoutContinued](e)
		if err != nil {
			return nil, err
		}
		keys, err := j.between(v, Key(step.From), Key(step.To))
		if err != nil {
			return nil, err
		}
		p.Done += uint64(len(keys))
	}
	switch {
	case now != nil:
	case e.Type == events.TypeFanoutContinued:
		p.Status, p.Ended = ProgressFinished, e.At
	default:
		p.Status, p.Ended = ProgressReplaced, e.At
	}
	return []Change{{k, &p}}, nil
}

// size returns how many keys the ranges of a directory's fan-out hold, by what is
// counted already: nothing is walked over.
func (j *Fanout) size(v View) (n uint64, err error) {
	for _, prefix := range j.ranges() {
		switch prefix.Table() {
		case TableUser:
			c, ok, err := get[*Counts](v, Make(TableCounts, prefix.Last()))
			if err != nil {
				return 0, err
			}
			if ok {
				n += c.Users
			}
		case TableMember, TablePending:
			g, ok, err := get[*Group](v, Make(TableGroup, j.Directory, prefix.Last()))
			if err != nil {
				return 0, err
			}
			switch {
			case !ok: // of one that was deleted, whose members another fan-out takes out
			case prefix.Table() == TableMember:
				n += g.Members
			default:
				n += g.Pending
			}
		default: // no range of a directory's
		}
	}
	return n, nil
}
