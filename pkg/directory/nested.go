package directory

// MaxGroupsOf is how many groups GroupsOf returns at most.
const MaxGroupsOf = 10_000

// GroupsOf returns the groups that a user (or a group) is in: direct ones in the
// order of their ids, and those that it is in only by way of another group,
// nearest first (RFC 7643 section 4.1.2, groups.type).
//
// A group may be in a group that is in it. Neither RFC forbids that and the
// directories behind providers allow it, so a push that closes a circle is taken
// as it is; here every group is visited once, and what is asked about is never
// in the answer. That costs one look per group found, whereas refusing circles
// would cost each change of members a walk through the hierarchy, and the
// provider a push that it cannot mend.
//
// Of more than MaxGroupsOf groups those that are farthest are left out. Groups
// that were deleted a moment ago, whose members a fan-out still takes out, are
// not there.
func GroupsOf(v View, dir, id string) (direct, indirect []*Group, err error) {
	seen := map[string]bool{id: true}
	groups := &direct
	for level := []string{id}; len(level) > 0; groups = &indirect {
		var next []string
		for _, member := range level {
			if err := v.Scan(Make(TableMemberOf, member), "", func(k Key, _ Row) bool {
				if len(seen) > MaxGroupsOf {
					return false
				}
				if g := k.Last(); !seen[g] {
					seen[g] = true
					next = append(next, g)
				}
				return true
			}); err != nil {
				return nil, nil, err
			}
		}
		level = level[:0]
		for _, g := range next {
			row, ok, err := get[*Group](v, Make(TableGroup, dir, g))
			if err != nil {
				return nil, nil, err
			}
			if ok {
				level, *groups = append(level, g), append(*groups, row)
			}
		}
	}
	return direct, indirect, nil
}
