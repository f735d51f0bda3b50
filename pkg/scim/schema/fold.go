package schema

import (
	"strings"
	"unicode"
)

// Fold returns the form in which text without case is compared and indexed:
// simple Unicode case folding. Fold(a) == Fold(b) exactly if strings.EqualFold
// says so, which keeps apart the letters that only some languages fold, such as
// the Turkish dotless i. It does not normalise: é written as one or two code
// points are two texts.
func Fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 {
			return strings.Map(fold, s)
		}
	}
	return strings.ToLower(s) // of ASCII: returns s itself if nothing changes
}

// fold returns one representative of all the letters that differ by case only.
func fold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		return least + 'a' - 'A' // as ToLower has it for texts of ASCII
	}
	return least
}
