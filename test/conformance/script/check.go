package script

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Check is one statement about an answer, or about an event's data.
//
// The subject is a place in the body (RFC 6901, with "*" for every element of
// an array, which makes a list), the word body for the whole text, or a header.
//
//	= != JSON      equal to the value, or not
//	~ !~ REGEXP    the text matches, or does not
//	absent, present, empty
//	as NAME        save the text under a name
//	count N        a list of N elements
//	unordered LIST the elements, in any order
//	has, lacks X   some, or no, element holds all that X holds
type Check struct {
	Line               int
	Subject, Verb, Arg string
}

// sound finds mistakes before anything is sent.
func (c *Check) sound() error {
	switch c.Verb {
	case "absent", "present", "empty":
		if c.Arg != "" {
			return fmt.Errorf("%s takes nothing behind it", c.Verb)
		}
	case "~", "!~":
		if _, err := regexp.Compile(c.Arg); err != nil {
			return err
		}
	case "count":
		if _, err := strconv.Atoi(c.Arg); err != nil {
			return err
		}
	default:
		if c.Arg == "" {
			return fmt.Errorf("%s needs something behind it", c.Verb)
		}
	}
	return nil
}

// subject returns the value that the check is about.
func (c *Check) subject(body any, text string, header http.Header, names Names) (v any, ok bool) {
	switch {
	case c.Subject == "body":
		return text, text != ""
	case strings.HasPrefix(c.Subject, "/"):
		return lookup(body, strings.Split(names.Fill(c.Subject[1:]), "/"))
	}
	values := header.Values(c.Subject)
	return strings.Join(values, ", "), len(values) > 0
}

// lookup walks a decoded body. "*" collects what the elements have.
func lookup(v any, path []string) (any, bool) {
	for i, part := range path {
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[part]; !ok {
				return nil, false
			}
		case []any:
			if part == "*" {
				out := []any{}
				for _, e := range x {
					if found, ok := lookup(e, path[i+1:]); ok {
						out = append(out, found)
					}
				}
				return out, true
			}
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= len(x) {
				return nil, false
			}
			v = x[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// test returns what is wrong, "" if nothing is. names gets what is saved.
func (c *Check) test(v any, found bool, names Names) string {
	arg := names.Fill(c.Arg)
	text, isText := v.(string)
	switch c.Verb {
	case "absent":
		return unless(!found, "is %s, want nothing", show(v))
	case "present":
		return unless(found, "is absent")
	case "empty":
		return unless(text == "", "is %q, want nothing", text)
	case "as":
		names[arg] = text
		return unless(isText && text != "", "is %s, which cannot be saved", show(v))
	case "~", "!~":
		want := c.Verb == "~"
		return unless(isText && regexp.MustCompile(arg).MatchString(text) == want, "is %s, want %s %s", show(v), c.Verb, arg)
	case "count":
		list, _ := v.([]any)
		n, _ := strconv.Atoi(arg)
		return unless(len(list) == n, "has %d elements, want %d: %s", len(list), n, show(v))
	}
	want, err := c.value(names)
	if err != nil {
		return err.Error()
	}
	list, _ := v.([]any)
	switch c.Verb {
	case "=":
		return unless(found && cmp.Equal(want, v), "is %s, want %s", show(v), show(want))
	case "!=":
		return unless(!cmp.Equal(want, v), "is still %s", show(v))
	case "unordered":
		byText := cmpopts.SortSlices(func(a, b any) bool { return show(a) < show(b) })
		return unless(found && cmp.Equal(want, v, byText), "is %s, want %s in any order", show(v), show(want))
	case "has":
		return unless(contains(list, want), "is %s, want an element with %s", show(v), show(want))
	case "lacks":
		return unless(!contains(list, want), "is %s, want no element with %s", show(v), show(want))
	}
	return "no such verb: " + c.Verb
}

// value reads what stands behind the verb: JSON, or the bare text of a header.
func (c *Check) value(names Names) (any, error) {
	if !strings.HasPrefix(c.Subject, "/") {
		return names.Fill(c.Arg), nil
	}
	var v any
	if err := json.Unmarshal([]byte(names.FillJSON(c.Arg)), &v); err != nil {
		return nil, fmt.Errorf("%s is no JSON: %w", c.Arg, err)
	}
	return v, nil
}

func contains(list []any, want any) bool {
	for _, e := range list {
		if within(e, want) {
			return true
		}
	}
	return false
}

// within reports whether v holds all that want holds.
func within(v, want any) bool {
	w, ok := want.(map[string]any)
	if !ok {
		return cmp.Equal(v, want)
	}
	m, ok := v.(map[string]any)
	for k, x := range w {
		if ok = ok && within(m[k], x); !ok {
			return false
		}
	}
	return ok
}

func unless(ok bool, format string, args ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// show writes a value for a message, shortened.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	const most = 2000
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
