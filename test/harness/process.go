package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startWithin bounds how long a process may take until it is ready.
	startWithin = 60 * time.Second
	// stopWithin bounds an orderly end.
	stopWithin = 30 * time.Second
	// logTail is how much of a process's log a failed test shows, in bytes.
	logTail = 8 << 10
)

// Process is a program that runs, was killed, or runs again. Its address stays
// the same over restarts.
type Process struct {
	Name string
	// Addr is host:port, known once it was started.
	Addr string

	t       testing.TB
	path    string
	args    func(addr string) []string
	secrets *Secrets
	log     string // file

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	err  error         // how it ended
}

// listens is what programs print when they serve.
var listens = regexp.MustCompile(`(?m)listens on (\S+:\d+)$`)

// newProcess prepares a program; args gets the address to listen on. When the
// test ends the program is stopped and its log searched.
func newProcess(t testing.TB, name, path string, secrets *Secrets, args func(addr string) []string) *Process {
	t.Helper()
	p := &Process{Name: name, t: t, path: path, args: args, secrets: secrets, log: filepath.Join(t.TempDir(), name+".log")}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil && !t.Failed() {
			t.Errorf("stop %s: %v", name, err)
		}
		log := p.Log()
		if strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
			t.Errorf("%s panicked", name)
		}
		for _, s := range secrets.All() {
			if strings.Contains(log, s.Text) {
				t.Errorf("the log of %s holds a secret: %s", name, s.Kind)
			}
		}
		if t.Failed() {
			t.Logf("log of %s, its end:\n%s", name, log[max(0, len(log)-logTail):])
		}
	})
	return p
}

// Start starts the program and waits until it says where it listens.
func (p *Process) Start() error {
	from, err := p.spawn()
	if err != nil {
		return err
	}
	var ended error
	err = Poll(p.t.Context(), startWithin, func() error {
		running := p.Running() // asked first: what it said is complete if it has ended
		said := p.logFrom(from)
		if m := listens.FindStringSubmatch(said); m != nil {
			p.Addr = m[1]
			return nil
		}
		if !running {
			ended = fmt.Errorf("%s ended at its start: %s", p.Name, said)
			return nil
		}
		return errors.New("it does not listen yet")
	})
	return errors.Join(err, ended)
}

// Spawn starts the program and waits for nothing. Its address must be known.
func (p *Process) Spawn() error {
	_, err := p.spawn()
	return err
}

// spawn returns where in the log file this run begins.
func (p *Process) spawn() (from int64, err error) {
	addr := p.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = out.Close() }() // the child has its own
	if from, err = out.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return 0, fmt.Errorf("%s runs already", p.Name)
	}
	cmd := exec.Command(p.path, p.args(addr)...)
	cmd.Stdout, cmd.Stderr = out, out
	tie(cmd)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan struct{})
	p.cmd, p.done, p.err = cmd, done, nil
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(done)
	}()
	return from, nil
}

// Ready waits until /readyz is 200.
func (p *Process) Ready() error {
	return Poll(p.t.Context(), startWithin, func() error {
		status, body, err := p.Readiness()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s is not ready: %d %s", p.Name, status, body)
		}
		return err
	})
}

// Readiness asks /readyz once.
func (p *Process) Readiness() (status int, body string, err error) {
	a, err := (&call{client: quick, method: http.MethodGet, url: p.URL() + "/readyz"}).do(p.t.Context())
	return a.Status, string(a.Body), err
}

// URL is where the process serves.
func (p *Process) URL() string { return "http://" + p.Addr }

// MustStart starts the program and waits until it is ready.
func (p *Process) MustStart() {
	p.t.Helper()
	err := p.Start()
	if err == nil {
		err = p.Ready()
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Kill ends the program as a power cut would, and waits for its end.
func (p *Process) Kill() {
	if _, err := p.end(syscall.SIGKILL); err != nil {
		p.t.Errorf("kill %s: %v", p.Name, err)
	}
}

// Pause stops the program where it is; Resume lets it go on.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("%s does not run", p.Name)
	}
	return p.cmd.Process.Signal(sig)
}

// Stop ends the program in an orderly way. Stopping what does not run is fine.
func (p *Process) Stop() error {
	ended, err := p.end(syscall.SIGTERM)
	if err == nil && ended != nil {
		err = fmt.Errorf("%s ended with %w", p.Name, ended)
	}
	return err
}

// end sends the signal and returns how the program ended.
func (p *Process) end(sig syscall.Signal) (ended, err error) {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if cmd == nil {
		return nil, nil
	}
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, err
	}
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		_ = cmd.Process.Kill()
		<-done
		err = fmt.Errorf("%s did not end within %v of %v", p.Name, stopWithin, sig)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = nil
	return p.err, err
}

// Wait waits until the program ends by itself and returns its exit code.
func (p *Process) Wait(within time.Duration) (int, error) {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		return 0, fmt.Errorf("%s still runs after %v", p.Name, within)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = nil
	return cmd.ProcessState.ExitCode(), nil
}

// Running reports whether the program has not ended yet.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Log returns all that the program has written, over all its runs.
func (p *Process) Log() string { return p.logFrom(0) }

func (p *Process) logFrom(offset int64) string {
	f, err := os.Open(p.log)
	if err != nil {
		return "" // it was never started
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(f, offset, math.MaxInt64-offset))
	if err != nil {
		return err.Error()
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}
