package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// The programs that the suites run.
const (
	rollcallPackage = "github.com/rollcallhq/rollcall/services/cmd/rollcall"
	natsPackage     = "github.com/rollcallhq/rollcall/test/harness/natsd"
)

var built struct {
	mu    sync.Mutex
	dir   string
	paths map[string]string
}

// Main runs the tests of a package, removes what was built for them and fails
// if goroutines are left behind. Call it from TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	patient.CloseIdleConnections()
	quick.CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	return code
}

// Rollcall returns the path of the binary: the environment variable ROLLCALL if
// it is set, as in deployments/demo/run.sh, else one that is built once for each
// test process.
func Rollcall(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("ROLLCALL"); p != "" {
		return p
	}
	return build(t, rollcallPackage)
}

// NATS returns the path of the NATS server that stands in for an operator's.
func NATS(t testing.TB) string {
	t.Helper()
	return build(t, natsPackage)
}

// build makes a static binary, which also runs in an empty container image.
func build(t testing.TB, pkg string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if p, ok := built.paths[pkg]; ok {
		return p
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "rollcall-test-*") //nolint:usetesting // it outlives the test that comes first; Main removes it
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.paths = dir, map[string]string{}
	}
	out := filepath.Join(built.dir, filepath.Base(pkg))
	if runtime.GOOS == "windows" {
		out += ".exe"
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("build %s: %w\n%s", pkg, err, b))
	}
	built.paths[pkg] = out
	return out
}
