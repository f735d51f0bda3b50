package search

// Shrink makes the query take the ways of a large directory in a small one.
// window is left as it is if it is 0.
func (q *Query) Shrink(set, few, sort, window int) {
	q.limits.set, q.limits.few, q.limits.sort = set, few, sort
	if window > 0 {
		q.limits.window = window
	}
}
