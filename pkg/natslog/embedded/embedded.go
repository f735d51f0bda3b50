// Package embedded runs a NATS server inside this process, with its store in
// the data directory: what `rollcall serve` keeps its log in.
//
// Every ack of a file stream is fsynced. The server listens on nothing unless
// asked, and then only with credentials. The directory belongs to one process
// at a time. What must not live here: streams and messages; those are natslog's
// and work the same on an external server.
package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// minStoreLimit is the least store limit that makes sense, in bytes: LOG's
// share holds a few of the largest frames.
const minStoreLimit = 64 << 20

// Options of a server.
type Options struct {
	// Dir is the data directory. It is created if missing; the store is in its
	// folder "jetstream", beside the file "lock" and, while the server starts,
	// the folder "jetstream-guard".
	Dir string
	// StoreLimit bounds the bytes of all streams; DefaultStoreLimit if 0. At
	// least 64 MiB. When it is lower than what the streams on disk were promised,
	// it counts in full only from the start after natslog.Ensure made them
	// smaller; until then the streams' own bounds hold.
	StoreLimit int64
	// Listen is a host:port to accept NATS clients on. Empty is none. With it,
	// User and Password are required.
	Listen         string
	User, Password string
	// Guests is a host:port for the clients that Admit names; nothing listens there
	// before AcceptGuests. Empty is none. It excludes Listen.
	Guests string
	// TLS, if set, is required of clients that come through Listen or Guests.
	TLS *tls.Config
	// Logger gets what the server says; slog.Default if nil.
	Logger *slog.Logger
}

// Server is a running NATS server.
type Server struct {
	nats   *server.Server
	log    *fatalLogger
	guests *guests // nil: none are let in
	opts   Options
	lock   *dirLock
	guard  guard
	limit  int64
}

// Start locks the directory, starts the server and waits until its streams are
// loaded, which takes longer the more there is to check after an unclean end.
// When ctx ends first, it fails, but not before the server has stopped reading.
//
// Errors are sentences for the operator: the directory is in use by another
// process, the store cannot be read, a stream that was there is not loaded.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Listen != "" && (o.User == "" || o.Password == "") {
		return nil, errors.New("the embedded NATS server listens only with credentials; set a user and a password or drop the listen address")
	}
	if o.Listen != "" && o.Guests != "" {
		return nil, errors.New("the embedded NATS server has one address: for users with a password or for guests")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, lock: lock}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	s.limit = s.opts.StoreLimit
	if s.limit == 0 {
		var err error
		if s.limit, err = DefaultStoreLimit(s.opts.Dir); err != nil {
			return err
		}
	}
	if s.limit < minStoreLimit {
		return fmt.Errorf("a store limit of %d bytes is too small; give at least %d (64 MiB), or free some disk", s.limit, int64(minStoreLimit))
	}
	s.guard = guard{
		streams: filepath.Join(s.opts.Dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams"),
		links:   filepath.Join(s.opts.Dir, "jetstream-guard"),
	}
	opts, err := s.configuration()
	if err != nil {
		return err
	}
	if err := s.guard.raise(); err != nil {
		return err
	}
	if s.nats, err = server.NewServer(opts); err != nil {
		return fmt.Errorf("configure the embedded NATS server: %w", err)
	}
	if s.guests != nil {
		s.guests.nats = s.nats
	}
	log := &fatalLogger{Logger: s.opts.Logger.With("component", "nats")}
	s.log = log
	s.nats.SetLoggerV2(log, false, false, false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.nats.Start()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		// The server cannot be stopped while it reads its store, and nobody else
		// may have the directory before it has ended.
		<-done
		return fmt.Errorf("the embedded NATS server did not start in time: %w", ctx.Err())
	}
	if err := log.err(); err != nil {
		return fmt.Errorf("start the embedded NATS server: %w", err)
	}
	if !s.nats.ReadyForConnections(10 * time.Second) {
		return errors.New("the embedded NATS server does not accept connections")
	}
	if s.nats.JetStreamConfig() == nil {
		return errors.New("the embedded NATS server started without JetStream; its log says why")
	}
	served, err := s.served(ctx)
	if err != nil {
		return err
	}
	if missing := s.guard.missing(served); len(missing) > 0 {
		s.stop()
		return s.guard.refuse(missing)
	}
	return s.guard.lower()
}

// served lists the streams that the server has.
func (s *Server) served(ctx context.Context) (map[string]bool, error) {
	nc, err := s.Connect()
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	list := js.StreamNames(ctx)
	for name := range list.Name() {
		names[name] = true
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("ask for the streams: %w", err)
	}
	return names, nil
}

func (s *Server) configuration() (*server.Options, error) {
	o := &server.Options{
		ServerName:             "rollcall",
		JetStream:              true,
		StoreDir:               s.opts.Dir,
		JetStreamMaxStore:      max(s.limit, reserved(s.guard.streams)),
		SyncAlways:             true,
		MaxPayload:             natslog.MinPayload,
		NoSigs:                 true,
		DontListen:             s.opts.Listen == "",
		DisableJetStreamBanner: true,
	}
	address := s.opts.Listen + s.opts.Guests
	if address == "" {
		return o, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the listen address of the embedded NATS server is not host:port: %w", err)
	}
	if o.Port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("the port of the embedded NATS server is not a number: %w", err)
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	o.Host, o.Username, o.Password = host, s.opts.User, s.opts.Password
	if s.opts.Guests != "" {
		s.guests = newGuests()
		o.CustomClientAuthentication, o.AlwaysEnableNonce, o.MaxConn, o.MaxSubs = s.guests, true, maxConnections, maxSubscriptions
	}
	if s.opts.TLS != nil {
		o.TLS, o.TLSConfig, o.TLSTimeout = true, s.opts.TLS, 5
	}
	return o, nil
}

// Connect opens a connection inside the process. The caller closes it.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	all := append(natslog.ConnectOptions(), nats.InProcessServer(s.nats))
	if s.opts.Listen != "" {
		all = append(all, nats.UserInfo(s.opts.User, s.opts.Password))
	}
	if s.guests != nil {
		all = append(all, nats.UserInfo(insider, s.guests.password))
	}
	nc, err := nats.Connect("", append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	return nc, nil
}

// StoreLimit returns the bound of all streams' bytes.
func (s *Server) StoreLimit() int64 { return s.limit }

// Addr returns where the server listens, nil if nowhere yet.
func (s *Server) Addr() net.Addr {
	if s.opts.Listen == "" && s.guests == nil {
		return nil
	}
	return s.nats.Addr()
}

// Close stops the server after it has written everything, and frees the
// directory. It may be called twice.
func (s *Server) Close() error {
	s.stop()
	return s.lock.release()
}

func (s *Server) stop() {
	if s.nats != nil {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	}
}
