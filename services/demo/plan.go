package demo

import (
	"fmt"
	"slices"
)

const (
	okta  = 0
	entra = 1
	// maxMembers keeps groups below the size where the server carries a rename
	// to the members in several steps, between which other changes may come: how
	// many events that makes cannot be told beforehand.
	maxMembers = 400
	// membersPerRequest is how many members one request adds.
	membersPerRequest = 100
)

// dice returns a number from 0 up to and not including n, which is at least 1.
type dice func(n int) int

// planner writes down changes and keeps the model in step.
type planner struct {
	model
	roll    dice
	changes []change
	users   [2][]ref // of each directory, who were not deleted
	groups  [2][]ref
	names   int // makes names unique
}

// makePlan plans the arrival of users and groups, and then so many scenes of
// daily life, most of them one change.
func makePlan(roll dice, users, groups, life int) []change {
	p := &planner{roll: roll}
	for i := range users {
		p.join(i % 2)
	}
	for i := range groups {
		p.newGroup(i % 2)
	}
	for range life {
		p.live(roll(2))
	}
	return p.changes
}

// add writes down a change with what the model predicted since the last one.
func (p *planner) add(c change, touches ...ref) {
	slices.Sort(touches)
	c.touches, c.wants = slices.Compact(touches), p.take()
	p.changes = append(p.changes, c)
}

func (p *planner) join(dir int) {
	who := p.newPerson(dir)
	r := p.model.join(dir, who)
	p.users[dir] = append(p.users[dir], r)
	p.add(change{kind: joinUser, directory: dir, on: r, person: who}, r)
}

// newGroup makes a group and fills it.
func (p *planner) newGroup(dir int) {
	name := p.newName()
	r := p.model.newGroup(dir, name)
	p.groups[dir] = append(p.groups[dir], r)
	p.add(change{kind: createGroup, directory: dir, on: r, name: name}, r)
	if dir == okta {
		p.add(change{kind: confirmGroup, directory: dir, on: r, name: name}, r)
	}
	if pool := p.users[dir]; len(pool) > 0 {
		few := min(maxMembers, max(1, len(pool)/4))
		p.setMembers(addMembers, dir, r, p.some(pool, 1+p.roll(few)))
	}
}

// some picks n of the pool, each once.
func (p *planner) some(pool []ref, n int) []ref {
	left := slices.Clone(pool)
	n = min(n, len(left))
	for i := range n {
		j := i + p.roll(len(left)-i)
		left[i], left[j] = left[j], left[i]
	}
	return left[:n]
}

// setMembers adds or removes users, in requests of bounded size.
func (p *planner) setMembers(k kind, dir int, g ref, users []ref) {
	for part := range slices.Chunk(users, membersPerRequest) {
		part = slices.Clone(part)
		for _, u := range part {
			p.setMember(g, u, k == addMembers)
		}
		p.add(change{kind: k, directory: dir, on: g, members: part}, append([]ref{g}, part...)...)
	}
}

// push sets a group's members to exactly these.
func (p *planner) push(dir int, g ref, users []ref) {
	before := sorted(p.group(g).members)
	for _, u := range before {
		if !slices.Contains(users, u) {
			p.setMember(g, u, false)
		}
	}
	for _, u := range users {
		p.setMember(g, u, true)
	}
	p.add(change{kind: pushMembers, directory: dir, on: g, members: slices.Clone(users)}, slices.Concat([]ref{g}, before, users)...)
}

func (p *planner) newPerson(dir int) person {
	given, family := givenNames[p.roll(len(givenNames))], familyNames[p.roll(len(familyNames))]
	p.names++
	who := person{
		login: fmt.Sprintf("user.%d", p.names), given: given, family: family,
		title: titles[p.roll(len(titles))],
	}
	if dir == entra { // Okta's default mapping leaves the department out
		who.department = departments[p.roll(len(departments))]
	}
	return who
}

func (p *planner) newName() string {
	p.names++
	return fmt.Sprintf("%s %d", departments[p.roll(len(departments))], p.names)
}

var (
	givenNames  = []string{"Amara", "Björn", "Chiara", "Dmitri", "Esperança", "Farid", "Grete", "Hiroko", "Isak", "Jūratė", "Kwame", "Lucía"}
	familyNames = []string{"Abara", "Bergström", "Castellano", "D'Amico", "Eze", "Fontaine", "García", "Hayashi", "Ivanova", "Jørgensen", "Kowalczyk", "Łuczak"}
	titles      = []string{"Analyst", "Buyer", "Controller", "Designer", "Engineer", "Planner"}
	departments = []string{"Design", "Finance & Tax", "Legal", "Logistics", "Research", "Sales", "Support"}
)
