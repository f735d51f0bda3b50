package embedded_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

const (
	mib    = 1 << 20
	holder = "ROLLCALL_TEST_HOLD_DIRECTORY"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(holder); dir != "" {
		hold(dir)
	}
	goleak.VerifyTestMain(m)
}

// hold starts a server on dir, says so, and waits to be killed.
func hold(dir string) {
	if _, err := embedded.Start(context.Background(), options(dir)); err != nil {
		_, _ = os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("holding\n")
	select {}
}

func options(dir string) embedded.Options {
	return embedded.Options{Dir: dir, StoreLimit: 64 * mib, Logger: slog.New(slog.DiscardHandler)}
}

func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func connect(t *testing.T, s *embedded.Server) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func refused(t *testing.T, o embedded.Options, says ...string) {
	t.Helper()
	s, err := embedded.Start(t.Context(), o)
	if err == nil {
		_ = s.Close()
		t.Fatal("the server started")
	}
	for _, say := range says {
		if !strings.Contains(err.Error(), say) {
			t.Errorf("the error %q does not say %q", err, say)
		}
	}
}

func TestOneProcessPerDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, options(dir))
	refused(t, options(dir), dir, "in use", strconv.Itoa(os.Getpid()), "--data")
	for range 2 {
		if err := first.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	start(t, options(dir))
}

// TestLockEndsWithProcess kills a process that holds a directory.
func TestLockEndsWithProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holder+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("holding\n"))
	if _, err := out.Read(line); err != nil || string(line) != "holding\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	refused(t, options(dir), "in use", strconv.Itoa(cmd.Process.Pid))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	start(t, options(dir))
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	js := connect(t, s)
	if got := js.Conn().MaxPayload(); got != natslog.MinPayload {
		t.Errorf("messages may have %d bytes, want %d", got, natslog.MinPayload)
	}
	if s.Addr() != nil {
		t.Errorf("it listens on %v, though not asked to", s.Addr())
	}
	if got := s.StoreLimit(); got != 64*mib {
		t.Errorf("its store limit is %d", got)
	}
	info, err := js.AccountInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Streams != 0 {
		t.Errorf("a new server has %d streams", info.Streams)
	}
	// Beyond the limit no stream can be reserved.
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "HUGE", MaxBytes: 65 * mib})
	if api, ok := errors.AsType[*jetstream.APIError](err); !ok || api.ErrorCode != 10047 {
		t.Errorf("a stream above the store limit answers %v, want 10047", err)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]embedded.Options{
		"no credentials": {Listen: "127.0.0.1:0"},
		"no password":    {Listen: "127.0.0.1:0", User: "rollcall"},
		"no user":        {Listen: "127.0.0.1:0", Password: "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Dir, o.StoreLimit = t.TempDir(), 64*mib
			refused(t, o, "credentials")
		})
	}
	t.Run("no port", func(t *testing.T) {
		t.Parallel()
		o := options(t.TempDir())
		o.Listen, o.User, o.Password = "127.0.0.1", "rollcall", "secret"
		refused(t, o, "host:port")
	})
	t.Run("credentials", func(t *testing.T) {
		t.Parallel()
		o := options(t.TempDir())
		o.Listen, o.User, o.Password = "127.0.0.1:0", "rollcall", "correct horse"
		s := start(t, o)
		url := "nats://" + s.Addr().String()
		if nc, err := nats.Connect(url, nats.UserInfo("rollcall", "correct horse")); err != nil {
			t.Errorf("the right credentials: %v", err)
		} else {
			nc.Close()
		}
		for name, opts := range map[string][]nats.Option{"none": nil, "wrong": {nats.UserInfo("rollcall", "wrong")}} {
			if nc, err := nats.Connect(url, opts...); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("%s: %v, want a refusal", name, err)
				if err == nil {
					nc.Close()
				}
			}
		}
		connect(t, s)
	})
}

func TestListenTLS(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	o := options(t.TempDir())
	o.Listen, o.User, o.Password, o.TLS = "127.0.0.1:0", "rollcall", "correct horse", web.TLS
	s := start(t, o)
	connect(t, s)
	url := "nats://" + s.Addr().String()
	user := nats.UserInfo(o.User, o.Password)
	nc, err := nats.Connect(url, user, nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatalf("a client that trusts the certificate: %v", err)
	}
	nc.Close()
	if nc, err := nats.Connect(url, user); err == nil {
		nc.Close()
		t.Error("a client that does not trust the certificate was let in")
	}
}

func TestStoreLimit(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.StoreLimit = 1000
	refused(t, o, "store limit", "64 MiB")

	// Two directories on one file system differ by what their stores use.
	empty, used := t.TempDir(), t.TempDir()
	const bytes = 3 * mib
	if err := os.MkdirAll(filepath.Join(used, "jetstream", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(used, "jetstream", "deep", "1.blk"), make([]byte, bytes), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := embedded.FreeDisk(empty)
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]int64{empty: free / 100 * 80, used: free/100*80 + bytes} {
		got, err := embedded.DefaultStoreLimit(dir)
		if err != nil {
			t.Fatal(err)
		}
		// Others write to the disk while the test runs.
		if near := int64(1 << 30); got < want-near || got > want+near {
			t.Errorf("the limit is %d, want about %d", got, want)
		}
	}
}

// TestSmallerLimit starts again with less room than the streams reserved: what
// is stored stays, and the bounds follow.
func TestSmallerLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, limit := range []int64{512 * mib, 64 * mib, 256 * mib} {
		o := options(dir)
		o.StoreLimit = limit
		s := start(t, o)
		js := connect(t, s)
		if err := natslog.Ensure(t.Context(), js, natslog.Config{Sizes: natslog.Shares(limit)}); err != nil {
			t.Fatalf("limit %d: %v", limit, err)
		}
		stream, err := js.Stream(t.Context(), natslog.LogStream)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := stream.CachedInfo().Config.MaxBytes, natslog.Shares(limit).Log; got != want {
			t.Errorf("limit %d: LOG may have %d bytes, want %d", limit, got, want)
		}
		js.Conn().Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	t.Run("the store is a file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		store := filepath.Join(dir, "jetstream")
		if err := os.WriteFile(store, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, options(dir))
		// The directory is free again.
		if err := os.Remove(store); err != nil {
			t.Fatal(err)
		}
		start(t, options(dir))
	})
	t.Run("no time", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, err := embedded.Start(ctx, options(t.TempDir()))
		if err == nil {
			_ = s.Close()
			t.Error("a server started without time")
		}
	})
}

// TestKeepsWhatItCannotLoad damages a stream so that the server, left alone,
// would delete it and serve an empty one in its place.
func TestKeepsWhatItCannotLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	streams := filepath.Join(dir, "jetstream", "$G", "streams")
	s := start(t, options(dir))
	js := connect(t, s)
	// A compressed block is the easiest to make unreadable.
	for _, name := range []string{"LOG", "OTHER"} {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name}, Compression: jetstream.S2Compression})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 30 {
		if _, err := js.Publish(t.Context(), "LOG", bytes.Repeat([]byte("0123456789abcdef"), 1<<15)); err != nil {
			t.Fatal(err)
		}
	}
	js.Conn().Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(streams, "LOG", "msgs", "1.blk")
	if err := os.Remove(filepath.Join(streams, "LOG", "msgs", "index.db")); err != nil {
		t.Fatal(err)
	}
	turn(t, block)
	before := sums(t, filepath.Join(streams, "LOG"))
	for range 2 {
		refused(t, options(dir), "LOG", streams, "backup")
		if diff := cmp.Diff(before, sums(t, filepath.Join(streams, "LOG"))); diff != "" {
			t.Fatalf("the refused start changed the files (-before +after):\n%s", diff)
		}
	}
	turn(t, block)
	s = start(t, options(dir))
	stream, err := connect(t, s).Stream(t.Context(), "LOG")
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().State.Msgs; got != 30 {
		t.Errorf("the repaired stream has %d messages, want 30", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "jetstream-guard")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the guard outlives the start: %v", err)
	}
}

// TestDamagedDescription is the same for a stream whose description is broken:
// the server leaves the files alone and goes on without the stream.
func TestDamagedDescription(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, options(dir))
	js := connect(t, s)
	if err := natslog.Ensure(t.Context(), js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	js.Conn().Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	turn(t, filepath.Join(dir, "jetstream", "$G", "streams", "LOG", "meta.inf"))
	refused(t, options(dir), "LOG", "backup")
	turn(t, filepath.Join(dir, "jetstream", "$G", "streams", "LOG", "meta.inf"))
	start(t, options(dir))
}

// TestCrashBetween ends a start after the server removed a stream and before
// its files got their names back.
func TestCrashBetween(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, options(dir))
	js := connect(t, s)
	if err := natslog.Ensure(t.Context(), js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "log.0", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	js.Conn().Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "jetstream", "$G", "streams", "LOG")
	if err := os.MkdirAll(filepath.Join(dir, "jetstream-guard"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(log, filepath.Join(dir, "jetstream-guard", "LOG")); err != nil {
		t.Fatal(err)
	}
	stream, err := connect(t, start(t, options(dir))).Stream(t.Context(), "LOG")
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().State.Msgs; got != 1 {
		t.Errorf("the stream has %d messages after the crash, want 1", got)
	}
}

// turn flips a bit in the middle of a file, or flips it back.
func turn(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	found := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir)] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
