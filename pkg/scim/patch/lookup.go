package patch

import "github.com/rollcallhq/rollcall/pkg/scim/schema"

// few is how many values are looked for one by one; for more, an index is made.
const few = 8

// lookUp finds elements of a list that are the same value as another.
type lookUp struct {
	a *schema.Attribute
	// byValue has the places of the elements with a value; nil if they are to be
	// looked at one by one.
	byValue map[string][]int
}

// lookUp prepares to look so many values up in a list.
func (p *patching) lookUp(a *schema.Attribute, list []any, times int) (lookUp, error) {
	l := lookUp{a: a}
	if times <= few || len(list) <= few {
		return l, nil
	}
	l.byValue = make(map[string][]int, len(list))
	for i, e := range list {
		l.add(e, i)
	}
	return l, p.spend(2 * weight(list))
}

// add says that an element was put at a place.
func (l lookUp) add(e any, at int) {
	if l.byValue != nil {
		v := l.a.Identify(e).Value
		l.byValue[v] = append(l.byValue[v], at)
	}
}

// find returns the first place in the list of what is the same value, -1 if
// there is none.
func (l lookUp) find(p *patching, list []any, e any) (int, error) {
	if l.byValue != nil {
		at := l.byValue[l.a.Identify(e).Value]
		if err := p.spend(2*weight(e) + len(at)); err != nil {
			return -1, err
		}
		for _, i := range at {
			if l.a.Same(list[i], e) {
				return i, nil
			}
		}
		return -1, nil
	}
	if err := p.spend(len(list) * effort(e)); err != nil {
		return -1, err
	}
	for i := range list {
		if l.a.Same(list[i], e) {
			return i, nil
		}
	}
	return -1, nil
}

// effort is how many steps it takes to compare an element with another.
func effort(e any) int {
	if m, ok := e.(map[string]any); ok {
		s, ok := m["value"].(string)
		if !ok {
			return weight(e)
		}
		e = s
	}
	if s, ok := e.(string); ok {
		return 1 + excess(s)/8
	}
	return weight(e)
}
