package operate

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// completeCmd is what the scripts of completion ask for the words that only the
// server knows. A field's tag "of" says what its values are.
type completeCmd struct {
	Words []string `arg:"" optional:""`
}

// completeWithin bounds how long somebody waits behind the tab key.
const completeWithin = 3 * time.Second

// Run prints what the last word may be, one a line, with a tab and what it is.
// Whatever goes wrong, there is nothing to complete.
func (c *completeCmd) Run(ctx context.Context, k *kong.Kong, out *Output) error {
	s := &Server{ // a command that takes all words as they are has no flags
		URL: os.Getenv("ROLLCALL_URL"), ClientID: os.Getenv("ROLLCALL_CLIENT_ID"), ClientSecret: os.Getenv("ROLLCALL_CLIENT_SECRET"), agent: "rollcall (completion)",
	}
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	value, given := expected(k.Model.Node, c.Words)
	if value == nil {
		return nil
	}
	if value.Enum != "" {
		for _, word := range value.EnumSlice() {
			fmt.Fprintln(out.Stdout, word)
		}
		return nil
	}
	list, ok := nameable[value.Tag.Get("of")]
	if !ok {
		return nil
	}
	_ = s.ask(ctx, func() error {
		org := given["org"]
		if org != "" {
			var err error
			if given["org"], err = s.organizationID(ctx, org); err != nil {
				return err
			}
		}
		words, err := list(ctx, s, given)
		for _, w := range words {
			if completable.MatchString(w.text) {
				fmt.Fprintf(out.Stdout, "%s\t%s\n", w.text, printable(w.help))
			}
		}
		return err
	})
	return nil
}

// completable is what may be put on a command line as it is: shells expand what
// they are told to choose from, and names come from other people.
var completable = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]*$`)

// expected finds the argument or flag that the last of the words is a value of,
// nil if it is a command or a flag, and what is given before it, by what it is.
func expected(node *kong.Node, words []string) (value *kong.Value, given map[string]string) {
	if len(words) == 0 {
		return nil, nil
	}
	given = map[string]string{}
	var flag *kong.Flag
	n := 0
	positional := func() *kong.Value {
		switch all := node.Positional; {
		case n < len(all):
			return all[n]
		case len(all) > 0 && all[len(all)-1].IsCumulative():
			return all[len(all)-1]
		}
		return nil
	}
	for _, w := range words[:len(words)-1] {
		if flag != nil {
			given[flag.Tag.Get("of")], flag = w, nil
			continue
		}
		if strings.HasPrefix(w, "-") {
			flag = flagNamed(node, w)
			continue
		}
		if i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == w }); i >= 0 {
			node, n = node.Children[i], 0
			continue
		}
		if v := positional(); v != nil {
			given[v.Tag.Get("of")] = w
		}
		n++
	}
	switch {
	case flag != nil:
		return flag.Value, given
	case strings.HasPrefix(words[len(words)-1], "-"):
		return nil, nil
	}
	return positional(), given
}

// flagNamed finds the flag whose value is the word behind it, nil for others.
func flagNamed(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			if word == "--"+f.Name && !f.IsBool() && !f.IsCounter() {
				return f
			}
		}
	}
	return nil
}
