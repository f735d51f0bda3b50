package directory

import "github.com/rollcallhq/rollcall/events"

// Touched returns the keys of the users and groups whose outside view the event
// may have changed, besides the resource it names: the members of a stretch of
// a fan-out, or the members that joined or left. v is the view before the event
// is folded.
func Touched(v View, e events.Event) ([]Key, error) {
	t := touching{v: v, e: e}
	find, ok := touches[e.Type]
	if !ok {
		return nil, nil
	}
	if err := find(&t); err != nil {
		return nil, err
	}
	return t.keys, nil
}

// touching collects the keys that an event touches.
type touching struct {
	v    View
	e    events.Event
	keys []Key
	seen map[Key]bool // once somebody may come twice
}

func (t *touching) add(k Key) {
	if t.seen != nil {
		if t.seen[k] {
			return
		}
		t.seen[k] = true
	}
	t.keys = append(t.keys, k)
}

func (t *touching) user(id string) { t.add(Make(TableUser, t.e.Directory, id)) }

// first adds those of the stretch that the event itself covers.
func (t *touching) first(kind FanoutKind, further ...Key) error {
	job := &Fanout{Kind: kind, Directory: t.e.Directory, Resource: t.e.Resource, Further: further}
	keys, _, err := job.stretch(t.v, "")
	if err != nil {
		return err
	}
	return t.stretch(job, keys)
}

func (t *touching) stretch(job *Fanout, keys []Key) error {
	if (len(job.Further) > 0 || job.Kind == FanoutOrganizationDeleted) && t.seen == nil {
		t.seen = make(map[Key]bool, len(t.keys)+len(keys))
		for _, k := range t.keys {
			t.seen[k] = true
		}
	}
	for _, k := range keys {
		switch k.Table() {
		case TableUser, TableGroup:
			t.add(k)
		case TableMember:
			t.user(k.Last())
		case TableOrgMember, TableRoleMember:
			members, err := memberKeys(t.v, k)
			if err != nil {
				return err
			}
			for _, m := range members {
				t.add(m)
			}
		default: // what nobody sees
		}
	}
	return nil
}

// joined adds who joined or left a group.
func (t *touching) joined(ids []string) error {
	for _, m := range ids {
		t.user(m)
	}
	over, err := nestedIn(t.v, t.e.Directory, ids)
	if err != nil || len(over) == 0 {
		return err
	}
	return t.first(FanoutRolesChanged, over...)
}

// of reads the payload for f.
func of[P events.Payload](f func(*touching, P) error) func(*touching) error {
	return func(t *touching) error {
		p, err := events.Decode[P](t.e)
		if err != nil {
			return err
		}
		return f(t, p)
	}
}

// begins is for events that begin a fan-out over what is below their resource.
func begins(kind FanoutKind) func(*touching) error {
	return func(t *touching) error { return t.first(kind) }
}

func persons(t *touching) (err error) {
	t.keys, err = touchedPersons(t.v, t.e)
	return err
}

// touches says whom each type of event touches; the others touch nobody but the
// resource that they name.
var touches = map[events.Type]func(*touching) error{
	events.TypeGroupMembersAdded:   of(func(t *touching, p events.GroupMembersAdded) error { return t.joined(p.Members) }),
	events.TypeGroupMembersRemoved: of(func(t *touching, p events.GroupMembersRemoved) error { return t.joined(p.Members) }),
	events.TypeGroupUpdated: of(func(t *touching, p events.GroupUpdated) error {
		if p.Freed == nil || p.Freed.DisplayName == p.DisplayName {
			return nil
		}
		return t.first(FanoutGroupRenamed)
	}),
	events.TypeGroupDeleted: func(t *touching) error {
		over, err := nestedInGroup(t.v, t.e.Directory, t.e.Resource)
		if err != nil {
			return err
		}
		return t.first(FanoutGroupDeleted, over...)
	},
	events.TypeRoleDeleted: of(func(t *touching, p events.RoleDeleted) error {
		if p.Heir == "" {
			return nil
		}
		over, err := holders(t.v, t.e.Resource)
		if err != nil {
			return err
		}
		return t.first(FanoutRolesChanged, over...)
	}),
	events.TypeDefaultRolesChanged: of(func(t *touching, p events.DefaultRolesChanged) error {
		was, err := Defaults(t.v, t.e.Organization)
		if err != nil || was.Member == p.Member {
			return err
		}
		over, err := usersOf(t.v, t.e.Organization)
		if err != nil {
			return err
		}
		return t.first(FanoutRolesChanged, over...)
	}),
	events.TypeDirectoryRolesAssigned: of(func(t *touching, p events.DirectoryRolesAssigned) error {
		over, err := reassigned(t.v, t.e.Directory, p.Assignments)
		if err != nil {
			return err
		}
		return t.first(FanoutRolesChanged, over...)
	}),
	events.TypeDirectorySchemasChanged: func(t *touching) error {
		mapped, err := isMapped(t.v, t.e.Directory)
		if err != nil || !mapped {
			return err
		}
		return t.first(FanoutAttributesMapped)
	},
	events.TypeDirectoryAttributesMapped: begins(FanoutAttributesMapped),
	events.TypeDirectoryDeleted:          begins(FanoutDirectoryDeleted),
	events.TypeOrganizationDeleted:       begins(FanoutOrganizationDeleted),
	events.TypeFanoutContinued: of(func(t *touching, p events.FanoutContinued) error {
		job, ok, err := get[*Fanout](t.v, Make(TableFanout, p.Job))
		if err != nil || !ok {
			return err
		}
		keys, err := job.between(t.v, Key(p.From), Key(p.To))
		if err != nil {
			return err
		}
		return t.stretch(job, keys)
	}),
	events.TypeWebhookReplayRequested: of(func(t *touching, p events.WebhookReplayRequested) error {
		if p.Kind != ReplayEveryone {
			return nil
		}
		ranges, err := backfillRanges(t.v, p, t.e.Organization)
		if err != nil {
			return err
		}
		return t.first(FanoutBackfill, ranges...)
	}),
	events.TypePersonUpdated:     persons,
	events.TypeMembershipCreated: persons,
	events.TypeMembershipUpdated: persons,
	events.TypeMembershipDeleted: persons,
}
