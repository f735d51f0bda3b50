package synclog

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a body may nest to be kept, in objects and arrays.
const maxDepth = 64

// maxCleaned is how long a query string may be to be looked at, in bytes.
const maxCleaned = 32 << 10

// Redact returns the body without passwords, as compact JSON of at most MaxBody
// bytes, and whether more than passwords is missing.
//
// Whatever is called password goes, with all that is in it: in any case, as any
// part of a dotted or URN-qualified name, at any depth, alone or within a longer
// word ("oldPassword"), and so do pwd, passwd, passphrase, authorization and
// what ends in secret or token. The "value" of an object goes if another of its
// members holds such a name: a PATCH operation whose path is password, and
// {"type":"password","value":…}.
//
// A body that is not JSON, or nests deeper than 64, is not kept at all: nobody
// can tell what in it is a password.
func Redact(body []byte) (kept string, missing bool) {
	if len(bytes.TrimSpace(body)) == 0 {
		return "", false
	}
	if !json.Valid(body) {
		return "", true
	}
	r := redactor{in: body, out: make([]byte, 0, len(body))}
	if !r.value(0) {
		return "", true
	}
	kept = cut(string(r.out), MaxBody)
	return kept, len(kept) < len(r.out)
}

// redactor copies JSON that is known to be valid, byte by byte and without its
// white space: decoding it would take thirty times as long, and a request that
// is refused can be large.
type redactor struct {
	in, out []byte
	at      int
}

// next returns the next byte that is not white space, without taking it.
func (r *redactor) next() byte {
	for {
		switch b := r.in[r.at]; b {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return b
		}
	}
}

// value copies a value; false if it nests too deep.
func (r *redactor) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch r.next() {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case '"':
		r.out = append(r.out, r.text()...)
	default: // a number or a word
		from := r.at
		for r.at < len(r.in) && !bytes.ContainsRune([]byte(" \t\n\r,]}"), rune(r.in[r.at])) {
			r.at++
		}
		r.out = append(r.out, r.in[from:r.at]...)
	}
	return true
}

// text takes a string with its quotes.
func (r *redactor) text() []byte {
	from := r.at
	for r.at++; r.in[r.at] != '"'; r.at++ {
		if r.in[r.at] == '\\' {
			r.at++
		}
	}
	r.at++
	return r.in[from:r.at]
}

func (r *redactor) array(depth int) bool {
	r.out = append(r.out, '[')
	for r.at++; r.next() != ']'; {
		if r.in[r.at] == ',' {
			r.out = append(r.out, ',')
			r.at++
		}
		if !r.value(depth + 1) {
			return false
		}
	}
	r.at++
	r.out = append(r.out, ']')
	return true
}

// object copies the members that may stay. Those called value are taken out
// again at the end if any other member turned out to name a password: their
// order is the sender's.
func (r *redactor) object(depth int) bool {
	type span struct{ from, to int }
	var values []span
	secret := false
	r.out = append(r.out, '{')
	start := len(r.out)
	for r.at++; r.next() != '}'; {
		if r.in[r.at] == ',' {
			r.at++
			r.next()
		}
		quoted := r.text()
		name := unquote(quoted)
		r.next()
		r.at++ // the colon
		from := len(r.out)
		if from > start {
			r.out = append(r.out, ',')
		}
		r.out = append(append(r.out, quoted...), ':')
		isText := r.next() == '"'
		at := len(r.out)
		if isSecret(name) {
			r.skip()
			r.out = r.out[:from]
			continue
		}
		if !r.value(depth + 1) {
			return false
		}
		if folded := fold(name); folded == "value" || folded == "values" {
			values = append(values, span{from, len(r.out)})
		} else if isText && isSecret(unquote(r.out[at:])) {
			secret = true
		}
	}
	r.at++
	if secret && len(values) > 0 {
		all := bytes.Clone(r.out[start:])
		r.out = r.out[:start]
		at := 0
		for _, v := range values {
			r.out = append(r.out, all[at:v.from-start]...)
			at = v.to - start
		}
		r.out = append(r.out, all[at:]...)
		if len(r.out) > start && r.out[start] == ',' {
			r.out = append(r.out[:start], r.out[start+1:]...)
		}
	}
	r.out = append(r.out, '}')
	return true
}

// skip takes a value without copying it.
func (r *redactor) skip() {
	for depth := 0; ; {
		switch r.next() {
		case '{', '[':
			depth++
			r.at++
		case '}', ']':
			depth--
			r.at++
		case '"':
			r.text()
		default: // a number, a word, a comma or a colon
			r.at++
			for depth == 0 && r.at < len(r.in) && !bytes.ContainsRune([]byte(" \t\n\r,]}"), rune(r.in[r.at])) {
				r.at++
			}
		}
		if depth == 0 {
			return
		}
	}
}

// unquote returns the text of a quoted string.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return "password" // it cannot be told, so it is taken for one
	}
	return s
}

// fold brings text into the one form that all of its cases have, those included
// that other alphabets add (the long s folds to s).
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(strings.ToUpper(s))
		}
	}
	return strings.ToLower(s)
}

// isSecret reports whether a member's name, or the path or name that it holds,
// is that of a password or of something as secret. In doubt it is. A filter in
// brackets says nothing about what it chooses from.
func isSecret(path string) bool {
	path = withoutFilters(fold(strings.TrimSpace(path)))
	if strings.Contains(path, "password") {
		return true
	}
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == ':' || r == '/' }) {
		switch {
		case part == "pwd", part == "passwd", part == "passphrase", part == "authorization", strings.HasSuffix(part, "secret"), strings.HasSuffix(part, "token"):
			return true
		}
	}
	return false
}

// withoutFilters takes out what is in brackets.
func withoutFilters(path string) string {
	if strings.IndexByte(path, '[') < 0 {
		return path
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(path, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if _, path, found = strings.Cut(rest, "]"); !found {
			return b.String()
		}
	}
}

// cleanQuery returns the query string unless it speaks of a password or brings
// a secret: then none of it is kept.
func cleanQuery(raw string) string {
	if len(raw) > maxCleaned {
		return ""
	}
	q, err := url.ParseQuery(raw)
	if err != nil && strings.Contains(raw, "%") {
		return "" // what is in it cannot be told
	}
	for name, values := range q {
		if isSecret(name) {
			return ""
		}
		for _, v := range values {
			if strings.Contains(fold(v), "password") {
				return ""
			}
		}
	}
	if strings.Contains(fold(raw), "password") {
		return ""
	}
	return raw
}
