package sdk_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	installWithin = 3 * time.Minute
	runWithin     = 3 * time.Minute
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// TestNode runs the suite once over each transport, each with a server of its
// own. Without Node.js it is skipped, unless REQUIRE_NODE=1.
func TestNode(t *testing.T) {
	t.Parallel()
	suite := install(t)
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		s := harness.NewServer(t)
		s.MustStart()
		run(t, suite, s, s.URL())
	})
	t.Run("tls", func(t *testing.T) {
		t.Parallel()
		cert, key := certificate(t)
		s := harness.NewServer(t, "--tls-cert", cert, "--tls-key", key)
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		run(t, suite, s, "https://"+s.Addr, "NODE_EXTRA_CA_CERTS="+cert)
	})
}

// install copies the suite to a folder of the test and installs what it needs.
func install(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err == nil {
		_, err = exec.LookPath("node")
	}
	switch {
	case err == nil:
	case os.Getenv("REQUIRE_NODE") == "1":
		t.Fatal(err)
	default:
		t.Skipf("the SDK's suite needs Node.js: %v", err)
	}
	dir := t.TempDir()
	source := os.DirFS("node")
	entries, err := fs.ReadDir(source, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() { // node_modules of somebody who works on the suite
			continue
		}
		b, err := fs.ReadFile(source, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), installWithin)
	defer cancel()
	for try := 1; ; try++ {
		cmd := exec.CommandContext(ctx, npm, "ci")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			return dir
		}
		if try == 3 {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
}

// run runs the suite against a server.
func run(t *testing.T, suite string, s *harness.Server, base string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runWithin)
	defer cancel()
	// The SDK keeps its connections open for a minute after the last call.
	cmd := exec.CommandContext(ctx, "node", "--test-reporter=spec", "--test-force-exit", "suite.mjs")
	cmd.Dir = suite
	cmd.Env = append(os.Environ(), env...)
	cmd.Env = append(cmd.Env, "ROLLCALL_URL="+base, "ROLLCALL_CLIENT_ID="+s.API.ClientID, "ROLLCALL_CLIENT_SECRET="+s.API.Secret)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if ended, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	} else if ok {
		t.Fatalf("the suite ended with %d:\n%s", ended.ExitCode(), out)
	}
	if !strings.Contains(string(out), "pass ") || strings.Contains(string(out), "pass 0") {
		t.Fatalf("the suite ran no test:\n%s", out)
	}
	t.Logf("%s", out)
}

// certificate writes a self-signed certificate for loopback and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", signed), write("key.pem", "PRIVATE KEY", encoded)
}
