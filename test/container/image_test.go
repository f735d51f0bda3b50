// Package container runs Rollcall's image under a container engine. Nothing is
// pulled: every image is built from scratch and our own static binaries.
//
// Without an engine the tests are skipped, unless REQUIRE_DOCKER=1.
//
// What must not live here: what the services do (test/e2e).
package container_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/rollcallhq/rollcall/test/harness"
)

// The images that are built, removed after the test.
const (
	rollcallImage = "rollcall-test:latest"
	natsImage     = "rollcall-test-nats:latest"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// engine skips the test without a container engine.
func engine(t *testing.T) {
	t.Helper()
	// The library's reaper is an image that would have to be pulled; these tests
	// clean up after themselves. In a container it would look for published ports
	// at the default gateway.
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	if _, err := os.Stat("/.dockerenv"); err == nil && os.Getenv("TESTCONTAINERS_HOST_OVERRIDE") == "" {
		t.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	provider, err := testcontainers.NewDockerProvider()
	if err == nil {
		err = provider.Health(ctx)
		_ = provider.Close()
	}
	switch {
	case err == nil:
	case os.Getenv("REQUIRE_DOCKER") == "1":
		t.Fatalf("there is no container engine: %v", err)
	default:
		t.Skipf("there is no container engine: %v", err)
	}
}

// images builds both images: Rollcall's by the Dockerfile that is shipped.
func images(t *testing.T) {
	t.Helper()
	build(t, rollcallImage, filepath.Join("..", "..", "deployments", "container", "Dockerfile"), harness.Rollcall(t), "rollcall")
	own := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(own, []byte("FROM scratch\nCOPY natsd /natsd\nENTRYPOINT [\"/natsd\", \"-host\", \"0.0.0.0\", \"-store\", \"/data\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build(t, natsImage, own, harness.NATS(t), "natsd")
}

func build(t *testing.T, tag, dockerfile, binary, name string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{dockerfile: "Dockerfile", binary: name} {
		if err := clone(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	repo, version, _ := strings.Cut(tag, ":")
	if _, err := provider.BuildImage(t.Context(), &testcontainers.ContainerRequest{
		FromDockerfile: testcontainers.FromDockerfile{Context: dir, Repo: repo, Tag: version, KeepImage: true},
	}); err != nil {
		t.Fatalf("build %s: %v", tag, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if _, err := provider.Client().ImageRemove(ctx, tag, client.ImageRemoveOptions{PruneChildren: true}); err != nil {
			t.Errorf("remove %s: %v", tag, err)
		}
	})
}

// clone copies a program or file, executable.
func clone(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

// masterKey makes the key that the services share.
func masterKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if b, err := exec.CommandContext(t.Context(), harness.Rollcall(t), "key", path).CombinedOutput(); err != nil {
		t.Fatalf("make a master key: %v\n%s", err, b)
	}
	return path
}
