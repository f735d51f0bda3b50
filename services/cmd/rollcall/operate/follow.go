package operate

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// followEvery is how often something that is followed is looked at.
const followEvery = 500 * time.Millisecond

// progress is how far something at the server is.
type progress struct {
	ended bool
	part  float64 // 0 to 1
	text  string
}

// watch looks until something has ended, with a bar on a terminal. what names it
// to whoever leaves before.
func watch(ctx context.Context, out *Output, what string, look func() (progress, error)) error {
	var bar *progressbar.ProgressBar
	if isTerminal(out.Stderr) {
		bar = progressbar.NewOptions(1000, progressbar.OptionSetWriter(out.Stderr), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
		defer func() { _ = bar.Finish() }() // a bar that cannot be drawn costs nothing
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		p, err := look()
		if err != nil || p.ended {
			return err
		}
		if bar != nil {
			bar.Describe(p.text)
			_ = bar.Set(int(1000 * p.part))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s goes on at the server: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// isTerminal reports whether people look at what is written.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
