package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Brackets are written only where the filter would read differently without
// them, so that a printed filter nests no deeper than the one that was read.

func (e And) String() string {
	return bracket(e.Left, isOr) + " and " + bracket(e.Right, func(r Expr) bool { return isAnd(r) || isOr(r) })
}

func (e Or) String() string { return e.Left.String() + " or " + bracket(e.Right, isOr) }

func (e Not) String() string { return "not (" + e.Of.String() + ")" }

func (e Within) String() string { return e.Path + "[" + e.Of.String() + "]" }

func (e Compare) String() string {
	if e.Op == Present {
		return e.Path + " pr"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e.Value); err != nil {
		return fmt.Sprintf("%s %s null", e.Path, e.Op) // no value that Parse makes
	}
	return fmt.Sprintf("%s %s %s", e.Path, e.Op, bytes.TrimSpace(b.Bytes()))
}

func bracket(e Expr, needed func(Expr) bool) string {
	if needed(e) {
		return "(" + e.String() + ")"
	}
	return e.String()
}

func isAnd(e Expr) bool { _, ok := e.(And); return ok }
func isOr(e Expr) bool  { _, ok := e.(Or); return ok }
