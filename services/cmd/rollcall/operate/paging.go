package operate

import "fmt"

// Limit bounds how much a list prints.
type Limit struct {
	Limit int `help:"Print at most so many." default:"100" env:"-"`
}

const (
	// most is the largest page that every list gives.
	most = 100
	// mostFound is the largest page of a search.
	mostFound = 30
)

// pages collects up to a limit of items; next returns a page of at most size and
// the token of the one behind it. It tells people if there are more.
func (l Limit) pages(out *Output, largest int, next func(size int, token string) (more string, n int, err error)) error {
	for left, token := l.Limit, ""; left > 0; {
		more, n, err := next(min(left, largest), token)
		if err != nil {
			return err
		}
		if left -= n; more == "" || more == token {
			return nil
		}
		token = more
	}
	if l.Limit > 0 {
		out.more(l.Limit)
	}
	return nil
}

// more says that a list ends before the end.
func (o *Output) more(limit int) {
	fmt.Fprintf(o.Stderr, "These are the first %d; --limit shows more.\n", limit)
}
