package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
	"github.com/rollcallhq/rollcall/services/projector"
)

// rebuildCmd builds the read model again, from nothing.
type rebuildCmd struct {
	dataFlags
	NatsURL    string `help:"Read the log from this NATS instead of the embedded one." name:"nats-url" placeholder:"URL" env:"ROLLCALL_NATS_URL"`
	NatsCreds  string `help:"Credentials file for NATS." name:"nats-creds" type:"existingfile" placeholder:"FILE" env:"ROLLCALL_NATS_CREDS"`
	StoreLimit int64  `help:"Bytes that the embedded log may take; 80% of the free disk if 0." env:"ROLLCALL_STORE_LIMIT"`
	JSON       bool   `help:"Print the result as JSON."`
}

// Help is shown by --help.
func (c *rebuildCmd) Help() string {
	return "Removes the projector's read model and folds the whole log into a new one. Public events that were " +
		"emitted before are not emitted again. Stop the server (or the projector) first; it would do the same by itself at its next start."
}

// Run removes the file and folds up to the log's present end.
func (c *rebuildCmd) Run(ctx context.Context, out *output) (err error) {
	s := &stack{log: out.log}
	defer func() { err = errors.Join(err, s.stop()) }()
	var js jetstream.JetStream
	var log eventlog.Log
	if c.NatsURL != "" {
		ext, err := connect(ctx, s, natsFlags{NatsURL: c.NatsURL, NatsCreds: c.NatsCreds, Replicas: 1}, "rebuild")
		if err != nil {
			return err
		}
		js, log = ext.js, ext.log
	} else {
		serve := serveCmd{dataFlags: c.dataFlags, StoreLimit: c.StoreLimit}
		if !exists(c.path("jetstream")) {
			return fmt.Errorf("there is no log in %s; name the data folder with --data, or a NATS with --nats-url", c.Data)
		}
		if _, js, log, err = serve.openLog(ctx, s); err != nil {
			return err
		}
	}
	tail, err := log.Tail(ctx)
	if err != nil {
		return err
	}
	path := c.path("projector.db")
	// A server that runs holds the file; opening it first finds that out before
	// anything is removed.
	if store, err := readmodel.Open(path); err == nil {
		if err := store.Close(); err != nil {
			return err
		}
	} else if !errors.Is(err, readmodel.ErrCorrupt) {
		return err
	}
	if err := readmodel.Remove(path); err != nil {
		return err
	}
	bar := progress(out.stderr, int64(tail), "rebuilding", c.JSON) //nolint:gosec // a sequence
	started := time.Now()
	p, err := projector.Open(ctx, projector.Config{
		Path: path, Log: log, JetStream: js, Logger: out.log,
		Progress: func(at eventlog.Position) { _ = bar.Set64(int64(at.Seq)) }, //nolint:gosec // a sequence
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	if err := p.RunToEnd(ctx); err != nil {
		return err
	}
	_ = bar.Finish()
	took := time.Since(started)
	events := p.At().Ordinal
	if c.JSON {
		return json.NewEncoder(out.stdout).Encode(map[string]any{
			"events": events, "frames": p.At().Index, "seconds": took.Seconds(), "events_per_second": float64(events) / took.Seconds(),
		})
	}
	fmt.Fprintf(out.stdout, "Folded %d events in %s (%.0f a second).\n", events, took.Round(time.Millisecond), float64(events)/took.Seconds())
	return nil
}

// progress shows how far long work is, on a terminal only.
func progress(w io.Writer, most int64, what string, quiet bool) *progressbar.ProgressBar {
	f, isFile := w.(*os.File)
	visible := isFile && !quiet && term.IsTerminal(int(f.Fd()))
	return progressbar.NewOptions64(max(most, 1),
		progressbar.OptionSetWriter(w), progressbar.OptionSetVisibility(visible), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond))
}
