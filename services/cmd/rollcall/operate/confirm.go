package operate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// sure is what commands have that cannot be undone.
type sure struct {
	Yes bool `short:"y" help:"Do not ask. Without a terminal nothing is asked." env:"-"`
}

// errNotSure ends a command that somebody thought better of.
var errNotSure = errors.New("nothing was changed")

// confirm asks whoever sits at a terminal. A script has nobody to ask: it goes on.
func (y sure) confirm(ctx context.Context, out *Output, question string, args ...any) error {
	if y.Yes || !isTerminal(out.Stdin) {
		return nil
	}
	fmt.Fprintf(out.Stderr, "%s [y/N] ", printable(fmt.Sprintf(question, args...)))
	answer, err := typed(ctx, func() (string, error) {
		return bufio.NewReader(io.LimitReader(out.Stdin, maxAnswerLine)).ReadString('\n')
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errNotSure
}

// maxAnswerLine bounds what is typed for an answer, in bytes.
const maxAnswerLine = 1 << 10

// typed waits for what somebody types, or for ctrl-C. Nothing ends a read from a
// terminal, so one that is given up goes on until the program ends.
func typed(ctx context.Context, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	go func() {
		text, err := read()
		lines <- line{text, err}
	}()
	select {
	case l := <-lines:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
