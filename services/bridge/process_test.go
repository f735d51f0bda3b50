package bridge_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the rollcall binary and what starts a bridge with it.
type program struct {
	t    *testing.T
	w    *world
	path string
	args []string
}

// newProgram builds the binary. Its bridge reads the world's EVENTS and writes to
// the broker.
func newProgram(t *testing.T, w *world, r *rabbit) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{t: t, w: w, path: filepath.Join(dir, "rollcall")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", p.path, "../cmd/rollcall").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("a-secret-word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = []string{
		"bridge", "--listen", "127.0.0.1:0", "--nats-url", fmt.Sprintf("nats://u:p@%s", w.server.Addr()),
		"--bridge-to", fmt.Sprintf("amqp://127.0.0.1:%d/?exchange=directory", r.port), "--bridge-user", "rollcall", "--bridge-password-file", password,
	}
	return p
}

// start runs it until kill, which it cannot see coming.
func (p *program) start() (kill func()) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), p.path, p.args...)
	cmd.Stdout, cmd.Stderr = p.w.logs, p.w.logs
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := false
	kill = func() {
		if ended {
			return
		}
		ended = true
		_ = cmd.Process.Kill()
		if _ = cmd.Wait(); cmd.ProcessState.Exited() {
			p.t.Errorf("the bridge ended by itself with %d:\n%s", cmd.ProcessState.ExitCode(), p.w.logs)
		}
	}
	p.t.Cleanup(kill)
	return kill
}

// count is how many messages came, repeats included.
func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

// rollcall bridge is killed in the middle of its work, twice, with a real
// RabbitMQ at its other side: every event arrives, each resource's in order.
func TestProcess_killed(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	t.Cleanup(r.stop)
	r.start()
	w := newWorld(t)
	r.consume(w)
	p := newProgram(t, w, r)

	ids := w.publish("org_1", userUpdated, 300)
	kill := p.start()
	until(t, "the first are forwarded", func() bool { return w.count() > 20 })
	kill()
	ids = append(ids, w.publish("org_2", groupCreated, 100)...) // while there is none
	for range 2 {
		before := w.count()
		kill = p.start()
		until(t, "a new process goes on", func() bool { return w.count() > before+20 })
		kill()
		ids = append(ids, w.publish("org_1", userUpdated, 100)...)
	}
	p.start()
	t.Logf("%d events, %d repeats", len(ids), w.arrived(ids))
}
