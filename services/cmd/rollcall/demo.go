package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/rollcallhq/rollcall/services/demo"
)

// demoCmd plays identity providers against a running server.
type demoCmd struct {
	URL          string        `help:"Base URL of the server." name:"url" default:"http://127.0.0.1:8080" group:"Server" env:"ROLLCALL_URL"`
	ClientID     string        `help:"Id of an API client; serve prints it at its first start." required:"" group:"Server" env:"ROLLCALL_CLIENT_ID"`
	ClientSecret string        `help:"Its secret. Prefer the environment: arguments show in ps." required:"" group:"Server" env:"ROLLCALL_CLIENT_SECRET"`
	Receiver     string        `help:"Address on which to receive webhooks; port 0 takes a free one. The server must be able to reach it." default:"127.0.0.1:0" group:"Server" env:"ROLLCALL_RECEIVER"`
	Users        int           `help:"How many people join, half in each directory; about as many changes follow." default:"500" group:"Load" env:"ROLLCALL_USERS"`
	Groups       int           `help:"How many groups are made, half in each directory." default:"20" group:"Load" env:"ROLLCALL_GROUPS"`
	Rate         float64       `help:"Changes per second; 0 is as fast as the server answers." default:"100" group:"Load" env:"ROLLCALL_RATE"`
	Concurrency  int           `help:"How many changes are under way at once." default:"8" group:"Load" env:"ROLLCALL_CONCURRENCY"`
	Seed         uint64        `help:"The same seed plays the same changes." default:"1" group:"Load" env:"ROLLCALL_SEED"`
	Timeout      time.Duration `help:"How long to wait for webhooks after the last change." default:"1m" group:"Load" env:"ROLLCALL_TIMEOUT"`
	JSON         bool          `help:"Print the result as one JSON object." name:"json" env:"ROLLCALL_JSON"`
}

// Help is shown by kong below the flags' summary.
func (demoCmd) Help() string {
	return `Makes an organization with two directories, and provisions them as Okta and Microsoft Entra ID do: joiners, group
pushes, renames, movers, deactivations, reactivations, deletions, and repeats that change nothing. Each change knows which
webhooks it must cause. A receiver verifies the signature of every webhook, checks them off, and measures the time from the
SCIM request to the webhook.

The server must allow receivers on loopback: start it with "rollcall serve --webhook-insecure", or run "make demo", which
does both. What the demo made is left behind for a look around, except for the webhook endpoint.

Exit status: 0 if every webhook came, was well signed and none was too many; 1 if not, or if the server refused something;
2 for wrong flags.`
}

// Validate is called by kong.
func (c *demoCmd) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--url must be an http or https URL, not %q", c.URL)
	}
	if _, _, err := net.SplitHostPort(c.Receiver); err != nil {
		return fmt.Errorf("--receiver must be host:port: %w", err)
	}
	switch {
	case c.Users < 2 || c.Users > 100_000:
		return errors.New("--users must be from 2 to 100000")
	case c.Groups < 2 || c.Groups > 1000:
		return errors.New("--groups must be from 2 to 1000")
	case !(c.Rate >= 0 && c.Rate <= 100_000):
		return errors.New("--rate must be from 0 to 100000")
	case c.Concurrency < 1 || c.Concurrency > 256:
		return errors.New("--concurrency must be from 1 to 256")
	case c.Timeout <= 0:
		return errors.New("--timeout must be positive")
	}
	return nil
}

// Run plays the demo and writes what it came to.
func (c *demoCmd) Run(ctx context.Context, out *output) error {
	progress, done := newProgress(out.stderr)
	report, err := demo.Run(ctx, demo.Config{
		URL: c.URL, ClientID: c.ClientID, ClientSecret: c.ClientSecret, Users: c.Users, Groups: c.Groups, Rate: c.Rate,
		Concurrency: c.Concurrency, Seed: c.Seed, Timeout: c.Timeout, Receiver: c.Receiver, Progress: progress,
	})
	done()
	if ctx.Err() != nil {
		return errors.New("demo: interrupted before the end, so nothing was shown") // not Canceled, which exits 0
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if c.JSON {
		err = json.NewEncoder(out.stdout).Encode(report)
	} else {
		err = report.Write(out.stdout)
	}
	if err == nil && !report.OK {
		err = fmt.Errorf("demo: %d webhooks are missing, %d unexpected, %d badly signed", report.Missing, report.Unexpected, report.BadlySigned)
	}
	return err
}
