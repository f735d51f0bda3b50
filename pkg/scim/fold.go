package scim

import "github.com/rollcallhq/rollcall/pkg/scim/schema"

// Fold returns the form in which text without case is compared and indexed; see
// schema.Fold.
func Fold(s string) string { return schema.Fold(s) }
