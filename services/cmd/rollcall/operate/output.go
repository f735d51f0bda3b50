package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Output is where commands write, and read secrets from.
type Output struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// column is one column of a table.
type column[M any] struct {
	title string
	show  func(M) string
}

// list prints resources as a table, or as a JSON array.
func list[M proto.Message](s *Server, out *Output, items []M, columns []column[M]) error {
	if s.JSON {
		raw := make([]json.RawMessage, 0, len(items))
		for _, m := range items {
			b, err := encoded(m)
			if err != nil {
				return err
			}
			raw = append(raw, b)
		}
		return out.json(raw)
	}
	w := tabwriter.NewWriter(out.Stdout, 0, 0, 2, ' ', 0)
	row := func(cell func(column[M]) string) {
		for i, c := range columns {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell(c))
		}
		fmt.Fprintln(w)
	}
	row(func(c column[M]) string { return c.title })
	for _, m := range items {
		row(func(c column[M]) string { return printable(c.show(m)) })
	}
	return w.Flush()
}

// show prints one resource, a line per member, or as a JSON object.
func show[M proto.Message](s *Server, out *Output, m M, members []column[M]) error {
	if s.JSON {
		b, err := encoded(m)
		if err != nil {
			return err
		}
		return out.json(json.RawMessage(b))
	}
	w := tabwriter.NewWriter(out.Stdout, 0, 0, 2, ' ', 0)
	for _, c := range members {
		if v := c.show(m); v != "" {
			fmt.Fprintf(w, "%s\t%s\n", c.title, printable(v))
		}
	}
	return w.Flush()
}

// showSecret is show for an answer that shows a secret once.
func showSecret[M, R proto.Message](s *Server, out *Output, whole M, r R, members []column[R], title, secret string) error {
	if s.JSON {
		return show(s, out, whole, nil)
	}
	if err := show(s, out, r, members); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out.Stdout, "\n%s, shown this once:\n\n  %s\n", title, printable(secret))
	return err
}

// done says that something was carried out, to people.
func done(s *Server, out *Output, format string, args ...any) error {
	if s.JSON {
		return out.json(struct{}{})
	}
	_, err := fmt.Fprintln(out.Stdout, printable(fmt.Sprintf(format, args...)))
	return err
}

func (o *Output) json(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := o.Stdout.Write(b.Bytes())
	return err
}

// encoded is a message as REST shows it.
func encoded(m proto.Message) ([]byte, error) {
	return protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
}

// printable takes out what a terminal would obey: names come from other people.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// when writes a time for people, empty for none.
func when(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.DateTime) + "Z"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func joined(list []string) string { return strings.Join(list, ", ") }

// pairs writes a map in the order of its keys.
func pairs(m map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k+"="+m[k])
	}
	return joined(list)
}
