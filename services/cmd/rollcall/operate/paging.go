package operate

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
// the token of the one behind it.
func (l Limit) pages(largest int, next func(size int, token string) (more string, n int, err error)) error {
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
	return nil
}
