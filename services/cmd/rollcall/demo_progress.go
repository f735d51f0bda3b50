package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/rollcallhq/rollcall/services/demo"
)

// linesEvery is how often a line of progress is written where there is no
// terminal.
const linesEvery = 2 * time.Second

// newProgress shows how far a demo is: a bar on a terminal, a line now and then
// elsewhere. done ends it.
func newProgress(w io.Writer) (show func(demo.Progress), done func()) {
	text := func(p demo.Progress) string {
		return fmt.Sprintf("%d/%d changes sent, %d/%d webhooks verified", p.Sent, p.Changes, p.Verified, p.Webhooks)
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) { //nolint:gosec // a file descriptor
		var bar *progressbar.ProgressBar
		return func(p demo.Progress) {
				if bar == nil {
					bar = progressbar.NewOptions(p.Changes+p.Webhooks, progressbar.OptionSetWriter(w), progressbar.OptionFullWidth())
				}
				bar.Describe(text(p))
				_ = bar.Set(p.Sent + p.Verified) // a bar that cannot be drawn costs nothing
			}, func() {
				if bar != nil {
					fmt.Fprintln(w)
				}
			}
	}
	var last time.Time
	var shown string
	return func(p demo.Progress) {
		line := text(p)
		ended := p.Sent == p.Changes && p.Verified == p.Webhooks
		if line == shown || (!ended && time.Since(last) < linesEvery) {
			return
		}
		fmt.Fprintln(w, line)
		last, shown = time.Now(), line
	}, func() {}
}
