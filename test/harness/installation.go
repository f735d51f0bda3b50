package harness

import (
	"context"
	"crypto/rand"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
)

// clientID is the first API client of every installation.
const clientID = "skc_100000000000000001"

// Installation is what every form of a running Rollcall shares.
type Installation struct {
	API     *API
	Secrets *Secrets
	// SCIM is the base URL where directories are served, through the first
	// process that does.
	SCIM string
}

func newInstallation() Installation {
	s := &Secrets{}
	a := &API{ClientID: clientID, Secret: "rca_" + rand.Text() + rand.Text(), secrets: s}
	s.Add("API client secret", a.Secret)
	return Installation{API: a, Secrets: s}
}

// credentials are handed over in the environment's stead: flags of a test's own
// process are no secret to anybody.
func (i *Installation) credentials() []string {
	return []string{"--client-id", i.API.ClientID, "--client-secret", i.API.Secret}
}

// Server is `rollcall serve`: everything in one process.
type Server struct {
	Installation
	*Process
	// Data is its folder.
	Data string
}

// NewServer prepares a server in a folder of the test, with no rate limit and
// receivers on loopback allowed. flags are added to the command line.
func NewServer(t testing.TB, flags ...string) *Server {
	t.Helper()
	return NewServerIn(t, filepath.Join(t.TempDir(), "data"), flags...)
}

// NewServerIn is NewServer in a given folder.
func NewServerIn(t testing.TB, data string, flags ...string) *Server {
	t.Helper()
	s := &Server{Installation: newInstallation(), Data: data}
	s.Process = newProcess(t, "serve", Rollcall(t), s.Secrets, func(addr string) []string {
		args := []string{
			"serve", "--data", data, "--listen", addr, "--log-level", "debug", "--store-limit", "536870912",
			"--webhook-insecure", "--scim-rate-limit", "0",
		}
		return append(append(args, s.credentials()...), flags...)
	})
	return s
}

// MustStart starts the server and waits until it is ready.
func (s *Server) MustStart() *Server {
	s.t.Helper()
	s.Process.MustStart()
	s.API.Base, s.SCIM = s.URL(), s.URL()
	return s
}

// Resume starts a stopped server again with other flags, at another address.
func Resume(t testing.TB, old *Server, flags ...string) *Server {
	t.Helper()
	s := NewServerIn(t, old.Data, flags...)
	s.API, s.Secrets = old.API, old.Secrets
	return s.MustStart()
}

// Again is a second program on the same folder.
func (s *Server) Again(t testing.TB) *Process {
	t.Helper()
	return newProcess(t, "second", Rollcall(t), s.Secrets, func(addr string) []string {
		return append([]string{"serve", "--data", s.Data, "--listen", addr}, s.credentials()...)
	})
}

// Cluster is the services as processes of their own on one NATS.
type Cluster struct {
	Installation
	NATS      *Process
	Ingresses []*Process
	Projector *Process
	Delivery  *Process
	service   func(name, command string, more ...string) *Process
	data      string
}

// NewCluster starts NATS, two ingresses, a projector and a delivery worker, and
// waits until they are ready. flags are added to the delivery worker's command
// line.
func NewCluster(t testing.TB, flags ...string) *Cluster {
	t.Helper()
	c := &Cluster{Installation: newInstallation(), data: t.TempDir()}
	c.NATS = NewNATS(t, c.Secrets)
	key := filepath.Join(c.data, "master.key")
	if b, err := exec.CommandContext(t.Context(), Rollcall(t), "key", key).CombinedOutput(); err != nil {
		t.Fatalf("make a master key: %v\n%s", err, b)
	}
	c.service = func(name, command string, more ...string) *Process {
		return newProcess(t, name, Rollcall(t), c.Secrets, func(addr string) []string {
			return append([]string{
				command, "--data", filepath.Join(c.data, name), "--listen", addr, "--nats-url", "nats://" + c.NATS.Addr, "--master-key-file", key,
			}, more...)
		})
	}
	scim := append([]string{"--scim-rate-limit", "0", "--lease-ttl", "1s"}, c.credentials()...)
	c.Ingresses = []*Process{c.service("ingress-1", "ingress", scim...), c.service("ingress-2", "ingress", scim...)}
	c.Projector = c.service("projector", "projector", "--webhook-insecure")
	c.Delivery = c.Worker("delivery", flags...)
	for _, p := range c.Services() {
		p.MustStart()
	}
	c.API.Base, c.SCIM = c.Projector.URL(), c.Ingresses[0].URL()
	return c
}

// Worker prepares one more delivery worker. The name is that of its folder.
func (c *Cluster) Worker(name string, flags ...string) *Process {
	return c.service(name, "delivery", append([]string{"--webhook-insecure"}, flags...)...)
}

// Services returns the processes that are Rollcall's.
func (c *Cluster) Services() []*Process {
	return append(append([]*Process{}, c.Ingresses...), c.Projector, c.Delivery)
}

// ReadModel is the projector's file.
func (c *Cluster) ReadModel() string { return filepath.Join(c.Folder("projector"), "projector.db") }

// Folder is where a service has its files.
func (c *Cluster) Folder(name string) string { return filepath.Join(c.data, name) }

// Streams opens the streams that the services share.
func (c *Cluster) Streams(ctx context.Context, t testing.TB) *Streams {
	t.Helper()
	return openStreams(ctx, t, Connect(t, c.NATS.Addr))
}

func split(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}
