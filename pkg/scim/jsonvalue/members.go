package jsonvalue

import "iter"

// IsObject reports whether a text is one object by its brackets and quotes. It
// tells a document that was cut off or overwritten, not every kind of damage.
func IsObject(text []byte) bool {
	return len(text) > 0 && text[0] == '{' && valueEnd(text, 0) == len(text)
}

// Members yields the members of an object: the names as they stand between their
// quotes, and the texts of the values, without reading what is in them. It is for
// documents that Append wrote: of another text it yields what it makes of it, and
// nothing of what is no object.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		i := skipSpace(object, 0)
		if i >= len(object) || object[i] != '{' {
			return
		}
		for i = skipSpace(object, i+1); i < len(object) && object[i] == '"'; i = skipSpace(object, i+1) {
			end := stringEnd(object, i)
			if end < 0 {
				return
			}
			name := object[i+1 : end-1]
			if i = skipSpace(object, end); i >= len(object) || object[i] != ':' {
				return
			}
			i = skipSpace(object, i+1)
			if end = valueEnd(object, i); end < 0 || !yield(name, object[i:end]) {
				return
			}
			if i = skipSpace(object, end); i >= len(object) || object[i] != ',' {
				return
			}
		}
	}
}

// Elements yields the texts of a list's elements, as Members does.
func Elements(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := skipSpace(list, 0)
		if i >= len(list) || list[i] != '[' {
			return
		}
		for i = skipSpace(list, i+1); i < len(list) && list[i] != ']'; i = skipSpace(list, i+1) {
			end := valueEnd(list, i)
			if end <= i || !yield(list[i:end]) {
				return
			}
			if i = skipSpace(list, end); i >= len(list) || list[i] != ',' {
				return
			}
		}
	}
}

// valueEnd returns the index behind the value that begins at i, -1 if it does not
// end.
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			end := stringEnd(b, i)
			if end < 0 || depth == 0 {
				return end
			}
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return i + 1
			}
		default:
			if depth == 0 {
				return wordEnd(b, i)
			}
		}
		i++
	}
	return -1
}

// wordEnd returns the index behind a number or a literal.
func wordEnd(b []byte, i int) int {
	for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' {
		i++
	}
	return i
}
