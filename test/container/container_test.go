package container_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	port = "8080/tcp"
	// ready bounds how long a container may take to be ready.
	ready = 60 * time.Second
	// players is how many people the demo lets join, rate how many changes it
	// makes a second: enough for NATS to be stopped in the middle.
	players, rate = 300, 60
)

// TestServices runs NATS and the three services as containers on a private
// network, plays the demo through them from a container of its own, and stops
// NATS in the middle: no webhook may be missing or too many in the end.
func TestServices(t *testing.T) {
	engine(t)
	ctx := t.Context()
	images(t)
	net, err := network.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := net.Remove(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	secret := "rca_" + rand.Text() + rand.Text()
	const client = "skc_100000000000000001"
	s := stage{t: t, network: net.Name, secret: secret, key: masterKey(t)}

	nats := s.run("nats", natsImage, nil, nil, wait.ForLog("nats listens on"))
	credentials := map[string]string{"ROLLCALL_CLIENT_ID": client, "ROLLCALL_CLIENT_SECRET": secret}
	s.service("ingress", credentials, "ingress", "--scim-rate-limit", "0")
	projector := s.service("projector", map[string]string{"ROLLCALL_SCIM_URL": "http://ingress:8080"}, "projector", "--webhook-insecure")
	s.service("delivery", nil, "delivery", "--webhook-insecure", "--webhook-ladder", "0s,1s,2s,5s,5s,10s,10s,10s")

	demo := s.run("demo", rollcallImage, credentials, []string{
		"demo", "--url", "http://projector:8080", "--receiver", "demo:9000", "--json",
		"--users", strconv.Itoa(players), "--groups", "6", "--rate", strconv.Itoa(rate),
	}, nil)

	api := harness.NewAPI(s.url(projector), client, secret)
	harness.Eventually(t, ready, "the demo to be in the middle", func() error {
		n, err := joined(ctx, api)
		if err == nil && n < players/4 {
			err = fmt.Errorf("%d of %d have joined", n, players)
		}
		return err
	})
	stop := 10 * time.Second
	if err := nats.Stop(ctx, &stop); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, ready, "the projector to notice", func() error {
		if status := s.readiness(projector); status != http.StatusServiceUnavailable {
			return fmt.Errorf("it answers %d", status)
		}
		return nil
	})
	if err := nats.Start(ctx); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, ready, "the projector to be back", func() error {
		if status := s.readiness(projector); status != http.StatusOK {
			return fmt.Errorf("it answers %d", status)
		}
		return nil
	})
	harness.Eventually(t, 2*time.Minute, "the demo to end", func() error {
		state, err := demo.State(ctx)
		if err == nil && state.Running {
			err = fmt.Errorf("it runs")
		}
		return err
	})
	state, err := demo.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	said := logs(t, demo)
	if state.ExitCode != 0 {
		t.Fatalf("the demo ended with %d:\n%s", state.ExitCode, said)
	}
	t.Log(said)
}

// joined counts the users of all directories.
func joined(ctx context.Context, api *harness.API) (int, error) {
	orgs, err := api.Call(ctx, http.MethodGet, "/api/v1/organizations", nil)
	if err != nil {
		return 0, err
	}
	org := orgs.Text("organizations.0.id")
	if org == "" {
		return 0, fmt.Errorf("there is no organization yet: %d", orgs.Status)
	}
	dirs, err := api.Call(ctx, http.MethodGet, "/api/v1/organizations/"+org+"/directories", nil)
	if err != nil {
		return 0, err
	}
	n := 0
	list, _ := dirs.At("directories").([]any)
	for _, d := range list {
		users, _ := harness.At(d, "total_users").(float64)
		n += int(users)
	}
	return n, nil
}

// stage is where the containers of a test are.
type stage struct {
	t       *testing.T
	network string
	secret  string
	key     string // file
}

// service runs one of Rollcall's and waits until it is ready.
func (s *stage) service(name string, env map[string]string, command ...string) testcontainers.Container {
	s.t.Helper()
	all := map[string]string{"ROLLCALL_NATS_URL": "nats://nats:4222", "ROLLCALL_MASTER_KEY_FILE": "/master.key"}
	for k, v := range env {
		all[k] = v
	}
	return s.run(name, rollcallImage, all, command, wait.ForHTTP("/readyz").WithPort(port).WithStartupTimeout(ready))
}

// run starts a container under a name on the network. What it says is searched
// for secrets in the end, and shown if the test fails.
func (s *stage) run(name, image string, env map[string]string, command []string, strategy wait.Strategy) testcontainers.Container {
	s.t.Helper()
	req := testcontainers.ContainerRequest{
		Image: image, Env: env, Cmd: command, Networks: []string{s.network}, NetworkAliases: map[string][]string{s.network: {name}}, WaitingFor: strategy,
	}
	if strings.HasPrefix(env["ROLLCALL_MASTER_KEY_FILE"], "/") {
		req.ExposedPorts = []string{port}
		req.Files = []testcontainers.ContainerFile{{HostFilePath: s.key, ContainerFilePath: "/master.key", FileMode: 0o444}}
	}
	c, err := testcontainers.GenericContainer(s.t.Context(), testcontainers.GenericContainerRequest{ContainerRequest: req, Started: true})
	if c != nil {
		s.t.Cleanup(func() {
			said := logs(s.t, c)
			if strings.Contains(said, s.secret) || strings.Contains(said, "panic") {
				s.t.Errorf("%s shows a secret or panicked", name)
			}
			if s.t.Failed() {
				s.t.Logf("log of %s, its end:\n%s", name, said[max(0, len(said)-4096):])
			}
			if err := c.Terminate(context.WithoutCancel(s.t.Context()), testcontainers.StopTimeout(5*time.Second)); err != nil {
				s.t.Errorf("end %s: %v", name, err)
			}
		})
	}
	if err != nil {
		s.t.Fatalf("start %s: %v", name, err)
	}
	return c
}

func (s *stage) url(c testcontainers.Container) string {
	s.t.Helper()
	u, err := c.PortEndpoint(s.t.Context(), port, "http")
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

func (s *stage) readiness(c testcontainers.Container) int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(c)+"/readyz", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func logs(t *testing.T, c testcontainers.Container) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	r, err := c.Logs(ctx)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, 8<<20))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
