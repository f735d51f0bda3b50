// Command rollcall takes directory changes in over SCIM 2.0, keeps them in an
// event log, and tells applications by signed webhooks and an API.
//
// This package parses flags, wires the services and runs them; nothing else.
// One file per command. Those that ask a running server are in operate.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/services/cmd/rollcall/operate"
)

// version is set by the build.
var version = "dev"

// cli is the whole command line. Every flag has a ROLLCALL_… twin in the
// environment, and can stand in the config file.
type cli struct {
	Config    configFile       `help:"Read flags from this JSON file; the command line and the environment win." placeholder:"FILE" type:"existingfile" env:"ROLLCALL_CONFIG"`
	LogLevel  string           `help:"Least level to log: debug, info, warn, error." enum:"debug,info,warn,error" default:"info" env:"ROLLCALL_LOG_LEVEL"`
	LogFormat string           `help:"How to log: text or json." enum:"text,json" default:"text" env:"ROLLCALL_LOG_FORMAT"`
	Version   kong.VersionFlag `help:"Print the version and exit." env:"-"`

	Serve     serveCmd     `cmd:"" help:"Run everything in one process, with an embedded log."`
	Ingress   ingressCmd   `cmd:"" help:"Run one ingress (SCIM) on an external NATS."`
	Projector projectorCmd `cmd:"" help:"Run one projector (read models, API, public events) on an external NATS."`
	Delivery  deliveryCmd  `cmd:"" help:"Run one delivery worker (webhooks) on an external NATS."`
	Bridge    bridgeCmd    `cmd:"" help:"Forward public events to AMQP, Kafka or another NATS."`
	Rebuild   rebuildCmd   `cmd:"" help:"Build the read model again from the log."`
	Demo      demoCmd      `cmd:"" help:"Play identity providers against a running server and verify its webhooks."`
	ConfigCmd configCmd    `cmd:"" name:"config" help:"Check a configuration."`
	Key       keyCmd       `cmd:"" help:"Make a master key file for split services."`

	operate.Commands
}

func main() {
	limitMemory()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	exit := -1
	parser, err := c.parser(kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }))
	if err != nil {
		fmt.Fprintln(stderr, "rollcall:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		parser.Errorf("%s", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	k.Bind(&operate.Output{Stdin: os.Stdin, Stdout: stdout, Stderr: stderr})
	k.Bind(&output{stdout: stdout, stderr: stderr, log: c.logger(stderr)})
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "rollcall:", err)
		return 1
	}
	return 0
}

// parser knows all words and flags.
func (c *cli) parser(options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("rollcall"),
		kong.Description("SCIM in, signed webhooks out, nothing lost in between."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Vars{"version": version, "ladder": webhook.DefaultLadder, "moment": operate.Moments},
		kong.Configuration(readSettings),
		kong.DefaultEnvars("ROLLCALL"),
	}, options...)...)
}

// output is where a command writes.
type output struct {
	stdout, stderr io.Writer
	log            *slog.Logger
}

// configFile is read by readSettings.
type configFile = kong.ConfigFlag

func (c *cli) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel))
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
