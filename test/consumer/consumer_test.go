package consumer_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

// within bounds every wait for something that must happen.
const within = 2 * time.Minute

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// output collects what a program printed, over all its runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// ids are those of whole lines, in order and repeats included.
func (o *output) ids() (ids []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for line := range strings.Lines(o.text.String()) {
		if id, _, ok := strings.Cut(line, " "); ok && strings.HasSuffix(line, "\n") {
			ids = append(ids, id)
		}
	}
	return ids
}

// build builds one of the programs.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

// resumes kills a program after each stretch of changes and starts it again, then
// compares what it printed with what the server has.
func resumes(t *testing.T, api *harness.API, scim, program string, env ...string) {
	t.Helper()
	x := api.Tenant(t, scim, "acme.example", "OKTA")
	var out output
	created := 0
	for range 3 {
		ctx, kill := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, program)
		cmd.Env = append(os.Environ(), env...)
		var complaints output
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Start(); err != nil {
			kill()
			t.Fatal(err)
		}
		had := len(out.ids())
		for range 20 {
			x.SCIM.Create(t, "/Users", harness.User(fmt.Sprintf("u%d@acme.example", created), nil))
			created++
		}
		harness.Eventually(t, within, "the program goes on", func() error {
			if n := len(out.ids()); n <= had+5 {
				return fmt.Errorf("it printed %d events, had %d: %s", n, had, complaints.text.String())
			}
			return nil
		})
		kill()
		_ = cmd.Wait() // killed
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env, cmd.Stdout = append(os.Environ(), env...), &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	want := stored(t, api, created)
	harness.Eventually(t, within, "every event", func() error {
		got := out.ids()
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			return fmt.Errorf("it printed %d of %d events", len(got), len(want))
		}
		return nil
	})
}

// stored returns the ids of all events, once those of the users are there.
func stored(t *testing.T, api *harness.API, users int) (ids []string) {
	t.Helper()
	harness.Eventually(t, within, "the events of all users", func() error {
		ids = nil
		made := 0
		for cursor := ""; ; {
			a := api.Must(t, 200, "GET", "/api/v1/events?limit=100&cursor="+cursor, nil)
			events, _ := a.At("events").([]any)
			for _, e := range events {
				ids = append(ids, fmt.Sprint(harness.At(e, "id")))
				if harness.At(e, "type") == "organization.directory.user_created" {
					made++
				}
			}
			cursor = a.Text("cursor")
			if a.At("more") != true {
				break
			}
		}
		if made != users {
			return fmt.Errorf("%d of %d", made, users)
		}
		return nil
	})
	return ids
}

// The reader of pages is killed three times and misses nothing.
func TestPull(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	a, err := s.API.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resumes(t, s.API, s.SCIM, build(t, "pull"), "ROLLCALL_URL="+s.URL(), "ROLLCALL_TOKEN="+a.Text("access_token"), "CURSOR_FILE="+filepath.Join(t.TempDir(), "cursor"))
}

// The reader of the stream is killed three times and misses nothing.
func TestStream(t *testing.T) {
	t.Parallel()
	c := harness.NewCluster(t)
	resumes(t, c.API, c.SCIM, build(t, "stream"), "NATS_URL=nats://"+c.NATS.Addr, "CONSUMER=my-app")
}
