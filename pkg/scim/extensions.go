package scim

import (
	"bytes"
	"iter"
)

// extensions yields the URNs of the extension blocks in canonical attributes,
// as they stand between their quotes. It reads the names on the top level only
// and allocates nothing, since it runs for every resource of a list.
func extensions(attributes []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		b := attributes
		if !bytes.Contains(b, []byte(`"urn:`)) && !bytes.Contains(b, []byte(`"URN:`)) {
			return // nobody has an extension: nothing to walk over
		}
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			case '"':
				end := closingQuote(b, i)
				if end < 0 {
					return
				}
				name := b[i+1 : end]
				isName := depth == 1 && end+1 < len(b) && b[end+1] == ':'
				if isName && len(name) > 4 && bytes.EqualFold(name[:4], []byte("urn:")) && !yield(name) {
					return
				}
				i = end
			}
		}
	}
}

// closingQuote returns where the string that opens at i ends, -1 if it does not.
func closingQuote(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
