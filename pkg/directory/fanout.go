package directory

import (
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// A change that touches many resources is a job in the log. The event that
// starts it covers the first FanoutBatch resources by itself; if more are left,
// its fold leaves a Fanout row, and whoever sees that row sends ContinueFanout.
// Each step is an event of its own, so other writes come in between, progress
// survives a kill, and every reader covers the same stretch at the same place
// of the log.

// ContinueFanout asks for the next step of a job. After is where the sender
// saw it last; a step that was taken already causes nothing. Limit is how many
// resources the step covers at most: FanoutBatch if it is not
// positive, or more than that.
type ContinueFanout struct {
	Job   string `json:"job"`
	After Key    `json:"after"`
	Limit int    `json:"limit,omitempty"`
}

func (ContinueFanout) name() string { return "ContinueFanout" }

func (c ContinueFanout) decide(d *decision) error {
	job, ok, err := get[*Fanout](d.view, Make(TableFanout, c.Job))
	if err != nil {
		return err
	}
	if !ok || job.After != c.After {
		return nil
	}
	keys, more, err := job.stretch(d.view, job.After)
	if err != nil {
		return err
	}
	if c.Limit > 0 && len(keys) > c.Limit {
		// The event says where the step ends, so no reader has to know the limit.
		keys, more = keys[:c.Limit], true
	}
	to := job.After
	if len(keys) > 0 {
		to = keys[len(keys)-1]
	}
	if len(keys) == 0 && more {
		return fault.New(fault.Internal, "A fan-out made no progress.")
	}
	return d.emit(events.Event{Organization: job.Organization, Directory: job.Directory, Resource: job.Job, Revision: job.Steps + 2},
		events.FanoutContinued{Job: job.Job, From: string(job.After), To: string(to), Done: !more})
}

// ranges returns the key prefixes that a job covers, in order.
func (j *Fanout) ranges() []Key {
	var own []Key
	switch j.Kind {
	case FanoutDirectoryDeleted:
		own = []Key{Make(TableUser, j.Directory), Make(TableGroup, j.Directory), Make(TablePendingName, j.Directory), Make(TableFormer, j.Directory)}
	case FanoutAttributesMapped:
		own = []Key{Make(TableUser, j.Directory)}
	case FanoutGroupDeleted:
		own = []Key{Make(TableMember, j.Resource), Make(TablePending, j.Resource)}
	case FanoutGroupRenamed:
		own = []Key{Make(TableMember, j.Resource)}
	case FanoutOrganizationDeleted:
		own = []Key{Make(TableOrgMember, j.Resource)}
	case FanoutRolesChanged, FanoutBackfill: // further ones only
	}
	return append(own, j.Further...)
}

// rangeOf returns which of the ranges a key is in, their number if it is in none.
func rangeOf(ranges []Key, k Key) int {
	for i, prefix := range ranges {
		if strings.HasPrefix(string(k), string(prefix)) {
			return i
		}
	}
	return len(ranges)
}

// stretch returns the keys of the next batch behind after, and whether more
// are left behind them.
func (j *Fanout) stretch(v View, after Key) (keys []Key, more bool, err error) {
	ranges := j.ranges()
	begin := 0
	if after != "" {
		begin = rangeOf(ranges, after)
	}
	for i := begin; i < len(ranges); i++ {
		prefix, from := ranges[i], Key("")
		if i == begin {
			from = after
		}
		if err := v.Scan(prefix, from, func(k Key, _ Row) bool {
			if len(keys) == FanoutBatch {
				more = true
				return false
			}
			keys = append(keys, k)
			return true
		}); err != nil {
			return nil, false, err
		}
		if more {
			break
		}
	}
	return keys, more, nil
}

// between returns the job's keys after from up to and including to.
func (j *Fanout) between(v View, from, to Key) ([]Key, error) {
	keys, _, err := j.stretch(v, from)
	if err != nil || to == from {
		return nil, err
	}
	for i, k := range keys {
		if k == to {
			return keys[:i+1], nil
		}
	}
	// Between the decision and here, in the same frame or before, something in
	// the stretch may have gone. What is left of it is still what is meant, as
	// keys are ordered within a range.
	var left []Key
	ranges := j.ranges()
	last := rangeOf(ranges, to)
	for _, k := range keys {
		at := rangeOf(ranges, k)
		if at > last || at == last && k > to {
			break
		}
		left = append(left, k)
	}
	return left, nil
}

// startFanout covers the first stretch in the fold of the event that starts
// the job, and leaves a row if that was not all.
func (f *folding) startFanout(kind FanoutKind, further ...Key) error {
	job := &Fanout{
		Job: FormatID(PrefixJob, f.e.ID), Kind: kind,
		Organization: f.e.Organization, Directory: f.e.Directory, Resource: f.e.Resource, Further: further,
	}
	keys, more, err := job.stretch(f.view, "")
	if err != nil {
		return err
	}
	if err := f.cover(job, keys); err != nil || !more {
		return err
	}
	job.After = keys[len(keys)-1]
	f.put(Make(TableFanout, job.Job), job)
	return nil
}

func foldFanoutContinued(f *folding, p events.FanoutContinued) error {
	k := Make(TableFanout, p.Job)
	old, ok, err := get[*Fanout](f.view, k)
	if err != nil || !ok {
		return err
	}
	keys, err := old.between(f.view, Key(p.From), Key(p.To))
	if err != nil {
		return err
	}
	if err := f.cover(old, keys); err != nil {
		return err
	}
	if p.Done {
		// Whoever decided this may have known fewer ranges than this program does:
		// what is left of them is still to be done.
		left, _, err := old.stretch(f.view, Key(p.To))
		if err != nil {
			return err
		}
		if len(left) == 0 {
			f.drop(k)
			return f.backfilled(old, len(keys), true)
		}
	}
	if err := f.backfilled(old, len(keys), false); err != nil {
		return err
	}
	job := *old
	job.After, job.Steps = Key(p.To), job.Steps+1
	f.put(k, &job)
	return nil
}

// cover changes the rows of one stretch.
func (f *folding) cover(job *Fanout, keys []Key) error {
	switch job.Kind {
	case FanoutGroupDeleted:
		var pending []Key
		own := string(Make(TableMember, job.Resource))
		for _, k := range keys {
			if k.Table() == TablePending {
				pending = append(pending, k)
				continue
			}
			if !strings.HasPrefix(string(k), own) {
				continue // of a group inside it
			}
			f.drop(k)
			f.drop(Make(TableMemberOf, k.Last(), job.Resource))
		}
		return f.dropPending(pending)
	case FanoutDirectoryDeleted:
		var users []*User
		var groups []*Group
		var former []string
		var pending []Key
		for _, k := range keys {
			r, err := f.view.Get(k)
			if err != nil {
				return err
			}
			switch r := r.(type) {
			case *User:
				users = append(users, r)
			case *Group:
				groups = append(groups, r)
			case Ref:
				pending = append(pending, k)
			case *Former:
				former = append(former, k.Last())
			}
		}
		if len(users) > 0 {
			if err := f.removeUsers(users); err != nil {
				return err
			}
		}
		if err := f.dropPending(pending); err != nil {
			return err
		}
		for _, id := range former {
			if err := f.forget(id); err != nil {
				return err
			}
		}
		if len(groups) > 0 {
			return f.removeGroups(groups)
		}
	case FanoutOrganizationDeleted:
		for _, k := range keys {
			m, ok, err := get[*OrgMember](f.view, k)
			if err != nil {
				return err
			}
			if ok {
				if err := f.leave(m); err != nil {
					return err
				}
			}
		}
	case FanoutGroupRenamed: // a name is read through the group's row
	case FanoutAttributesMapped: // so is a mapping through the directory's
	case FanoutRolesChanged: // roles follow from memberships and mappings
	case FanoutBackfill: // nothing changes
	}
	return nil
}
