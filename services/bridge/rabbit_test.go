package bridge_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rollcallhq/rollcall/services/bridge"
)

// rabbit is a RabbitMQ server: an ordinary process on loopback, with its files in
// a folder of the test.
type rabbit struct {
	t         *testing.T
	path, dir string
	// For clients, for other nodes, for Erlang's port mapper, and for clients over
	// TLS, if it has an identity.
	port, dist, mapper, secure int
	id                         *identity
	cmd                        *exec.Cmd
}

// newRabbit finds the server that the system's package installs.
func newRabbit(t *testing.T) *rabbit {
	t.Helper()
	path := "/usr/lib/rabbitmq/bin/rabbitmq-server"
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("REQUIRE_RABBITMQ") != "" {
			t.Fatalf("RabbitMQ is required and not there: %v", err)
		}
		t.Skip("RabbitMQ is not installed (apt-get install rabbitmq-server); REQUIRE_RABBITMQ=1 makes this a failure")
	}
	ports := reservePorts(t, 4)
	return &rabbit{t: t, path: path, dir: t.TempDir(), port: ports[0], dist: ports[1], mapper: ports[2], secure: ports[3]}
}

func (r *rabbit) start() {
	r.t.Helper()
	conf := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\ndefault_user = rollcall\ndefault_pass = a-secret-word\nlog.console.level = error\n", r.port)
	if r.id != nil {
		conf += fmt.Sprintf("listeners.ssl.1 = 127.0.0.1:%d\nssl_options.cacertfile = %s\nssl_options.certfile = %s\nssl_options.keyfile = %s\nssl_options.verify = verify_none\n",
			r.secure, r.id.certFile, r.id.certFile, r.id.keyFile)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "rabbitmq.conf"), []byte(conf), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "plugins"), []byte("[]."), 0o600); err != nil {
		r.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(r.dir, "output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	r.cmd = exec.Command(r.path) //nolint:noctx // ended by stop
	r.cmd.Dir = r.dir
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its shell scripts and the machine end together
	r.cmd.Env = append(os.Environ(),
		"HOME="+r.dir, fmt.Sprintf("RABBITMQ_NODENAME=rollcall%d@localhost", r.port), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", r.dist),
		"RABBITMQ_BASE="+r.dir, "RABBITMQ_MNESIA_BASE="+filepath.Join(r.dir, "db"), "RABBITMQ_LOG_BASE="+filepath.Join(r.dir, "log"),
		"RABBITMQ_LOGS=-", "RABBITMQ_CONFIG_FILE="+filepath.Join(r.dir, "rabbitmq"), "RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(r.dir, "plugins"),
		"RABBITMQ_CONF_ENV_FILE="+filepath.Join(r.dir, "none"), "RABBITMQ_PID_FILE="+filepath.Join(r.dir, "pid"),
		"ERL_EPMD_ADDRESS=127.0.0.1", fmt.Sprintf("ERL_EPMD_PORT=%d", r.mapper),
		`RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}`,
	)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	deadline := time.Now().Add(2 * patience)
	for {
		conn, err := r.dial()
		if err == nil {
			_ = conn.Close()
			if err = r.dialTLS(); err == nil {
				return
			}
		}
		if time.Now().After(deadline) {
			b, _ := os.ReadFile(filepath.Join(r.dir, "output"))
			r.t.Fatalf("RabbitMQ does not start: %v\n%s", err, b)
		}
		time.Sleep(100 * time.Millisecond) // between looks
	}
}

// stop ends the server as a power cut would.
func (r *rabbit) stop() {
	if r.cmd != nil {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		_ = r.cmd.Wait()
		r.cmd = nil
	}
	// Erlang's port mapper is a daemon of its own, on a port of this server's. It
	// refuses to end until it has noticed that the server is gone.
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // between tries
		out, err := exec.Command("epmd", "-port", strconv.Itoa(r.mapper), "-kill").CombinedOutput() //nolint:noctx // ends at once
		if errors.Is(err, exec.ErrNotFound) || bytes.Contains(out, []byte("Killed")) || bytes.Contains(out, []byte("Cannot connect")) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Errorf("the port mapper does not end: %s", out)
			return
		}
	}
}

func (r *rabbit) dial() (*amqp091.Connection, error) {
	return amqp091.Dial(fmt.Sprintf("amqp://rollcall:a-secret-word@127.0.0.1:%d/", r.port))
}

// dialTLS holds that the server speaks TLS, if it has an identity.
func (r *rabbit) dialTLS() error {
	if r.id == nil {
		return nil
	}
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: r.id.roots, MinVersion: tls.VersionTLS12}}).
		DialContext(r.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", r.secure))
	if err == nil {
		err = conn.Close()
	}
	return err
}

// consume reads a durable queue that is bound to the exchange.
func (r *rabbit) consume(w *world) {
	r.t.Helper()
	conn, err := r.dial()
	if err != nil {
		r.t.Fatal(err)
	}
	ch, err := conn.Channel()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := ch.ExchangeDeclare("directory", "topic", true, false, false, false, nil); err != nil {
		r.t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("app", true, false, false, false, nil); err != nil {
		r.t.Fatal(err)
	}
	if err := ch.QueueBind("app", "organization.#", "directory", false, nil); err != nil {
		r.t.Fatal(err)
	}
	deliveries, err := ch.Consume("app", "", false, false, false, false, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	go func() { // ends with the server
		for d := range deliveries {
			resource, _ := d.Headers["rollcall-resource"].(string)
			w.receive(received{id: d.MessageId, resource: resource, typ: d.RoutingKey, body: string(d.Body)})
			if d.DeliveryMode != amqp091.Persistent || d.Type != d.RoutingKey {
				r.t.Errorf("%s: mode %d, type %s, key %s", d.MessageId, d.DeliveryMode, d.Type, d.RoutingKey)
			}
			_ = d.Ack(false)
		}
	}()
}

// A real RabbitMQ is killed in the middle, and so is the bridge.
func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	t.Cleanup(r.stop)
	r.start()
	w := newWorld(t)
	r.consume(w)
	target := bridge.Target{URL: fmt.Sprintf("amqp://127.0.0.1:%d/?exchange=directory", r.port), User: "rollcall", Password: "a-secret-word"}
	outage(t, w, target, r.stop, func() {
		r.start()
		r.consume(w)
	})
}

// Over TLS, a bridge sends to a RabbitMQ whose authority it was told, and nothing
// to one that nobody vouches for.
func TestRabbitMQ_TLS(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	id := newIdentity(t)
	r.id = &id
	t.Cleanup(r.stop)
	r.start()
	w := newWorld(t)
	r.consume(w)
	target := bridge.Target{
		URL: fmt.Sprintf("amqps://127.0.0.1:%d/?exchange=directory", r.secure), User: "rollcall", Password: "a-secret-word", CAFile: id.certFile,
	}
	ids := distrusted(t, w, target)
	w.bridge(target)
	w.arrived(append(ids, w.publish("org_1", userUpdated, 20)...))
}
