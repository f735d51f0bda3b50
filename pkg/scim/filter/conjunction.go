package filter

// Equality is one comparison of a conjunction: an attribute eq a value.
type Equality struct {
	// Path is the attribute as the filter names it; attr[…].sub and attr[value
	// eq …] become attr.sub and attr.value.
	Path  string
	Value any
}

// Conjunction takes a filter apart that is nothing but eq comparisons joined by
// and. The equalities are all necessary; where one came from inside brackets
// they may not be sufficient, so whoever uses them to find candidates still
// evaluates the filter. ok is false for any other filter.
func Conjunction(e Expr) (eqs []Equality, ok bool) {
	return conjunction(e, "")
}

func conjunction(e Expr, under string) ([]Equality, bool) {
	switch e := e.(type) {
	case And:
		left, ok1 := conjunction(e.Left, under)
		right, ok2 := conjunction(e.Right, under)
		return append(left, right...), ok1 && ok2
	case Within:
		if under != "" {
			return nil, false
		}
		return conjunction(e.Of, e.Path+".")
	case Compare:
		return []Equality{{under + e.Path, e.Value}}, e.Op == Equal
	}
	return nil, false
}

// Paths returns the attributes that a filter names, those inside brackets left
// out: they belong to the attribute in front.
func Paths(e Expr) []string {
	switch e := e.(type) {
	case And:
		return append(Paths(e.Left), Paths(e.Right)...)
	case Or:
		return append(Paths(e.Left), Paths(e.Right)...)
	case Not:
		return Paths(e.Of)
	case Within:
		return []string{e.Path}
	case Compare:
		return []string{e.Path}
	}
	return nil
}
