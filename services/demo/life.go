package demo

import "slices"

// live plans one thing that happens in a directory on some day. Some of them
// change nothing, because providers repeat themselves.
func (p *planner) live(dir int) {
	users, groups := p.users[dir], p.groups[dir]
	if len(users) == 0 || len(groups) == 0 {
		p.fill(dir)
		return
	}
	u, g := users[p.roll(len(users))], groups[p.roll(len(groups))]
	switch n := p.roll(100); {
	case n < 25:
		p.changePerson(dir, u)
	case n < 50:
		p.move(dir, u)
	case n < 60:
		p.activate(dir, u, false)
	case n < 70:
		p.activate(dir, u, true)
	case n < 76:
		p.join(dir)
	case n < 82:
		p.leave(dir, u)
	case n < 87:
		p.renameGroup(dir, g)
	case n < 94:
		p.pushOrAdd(dir, g)
	case n < 96 && len(groups) > 1:
		p.dropGroup(dir, g)
	case n < 98:
		p.newGroup(dir)
	default:
		p.join(dir)
	}
}

// fill makes what a directory lacks.
func (p *planner) fill(dir int) {
	if len(p.users[dir]) == 0 {
		p.join(dir)
		return
	}
	p.newGroup(dir)
}

// changePerson gives somebody another name, title or login, or the same again.
func (p *planner) changePerson(dir int, r ref) {
	u := p.user(r)
	if dir == okta && !u.active {
		return // Okta does not push profiles of people who are deactivated
	}
	who := u.person
	switch p.roll(4) {
	case 0:
		who.family = familyNames[p.roll(len(familyNames))]
	case 1:
		who.title = titles[p.roll(len(titles))]
	case 2:
		who.login = p.newPerson(dir).login
	}
	p.setPerson(r, who)
	p.add(change{kind: changeUser, directory: dir, on: r, person: who}, r)
}

// move takes somebody out of one group and into another.
func (p *planner) move(dir int, u ref) {
	if in := sorted(p.user(u).groups); len(in) > 0 {
		p.setMembers(removeMembers, dir, in[p.roll(len(in))], []ref{u})
	}
	to := p.groups[dir][p.roll(len(p.groups[dir]))]
	if len(p.group(to).members) < maxMembers {
		p.setMembers(addMembers, dir, to, []ref{u})
	}
}

func (p *planner) activate(dir int, u ref, active bool) {
	k := deactivate
	if active {
		k = reactivate
	}
	p.setActive(u, active)
	p.add(change{kind: k, directory: dir, on: u}, u)
}

// leave ends somebody's account: Entra deletes, Okta only deactivates.
func (p *planner) leave(dir int, u ref) {
	if dir == okta {
		p.activate(dir, u, false)
		return
	}
	touches := append(sorted(p.user(u).groups), u)
	p.removeUser(u)
	p.users[dir] = slices.DeleteFunc(p.users[dir], func(r ref) bool { return r == u })
	p.add(change{kind: deleteUser, directory: dir, on: u}, touches...)
}

func (p *planner) renameGroup(dir int, g ref) {
	name := p.group(g).name
	if p.roll(5) > 0 { // or the same name again
		name = p.newName()
	}
	p.rename(g, name)
	p.add(change{kind: renameGroup, directory: dir, on: g, name: name}, append(sorted(p.group(g).members), g)...)
}

// pushOrAdd is Okta's push of a whole group, or Entra's addition of a few.
func (p *planner) pushOrAdd(dir int, g ref) {
	some := p.some(p.users[dir], p.roll(10))
	if dir == okta {
		keep := sorted(p.group(g).members)
		keep = keep[p.roll(len(keep)+1):]
		some = append(some, keep...)
		slices.Sort(some)
		some = slices.Compact(some)
		p.push(dir, g, some[:min(len(some), maxMembers)])
		return
	}
	if len(p.group(g).members)+len(some) <= maxMembers {
		p.setMembers(addMembers, dir, g, some)
	}
}

func (p *planner) dropGroup(dir int, g ref) {
	touches := append(sorted(p.group(g).members), g)
	p.removeGroup(g)
	p.groups[dir] = slices.DeleteFunc(p.groups[dir], func(r ref) bool { return r == g })
	p.add(change{kind: deleteGroup, directory: dir, on: g}, touches...)
}
