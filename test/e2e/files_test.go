package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/test/harness"
)

// TestSecondServer holds that a data directory has one server.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "second.example", "OKTA")
	second := s.Again(t)
	if err := second.Start(); err == nil {
		t.Fatal("a second server started on the same folder")
	}
	code, err := second.Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	log := second.Log()
	if code == 0 || !strings.Contains(log, s.Data) || !strings.Contains(log, "in use") || !strings.Contains(log, "--data") {
		t.Errorf("the second server ended with %d and said: %s", code, log)
	}
	x.SCIM.Create(t, "/Users", harness.User("mara@second.example", nil)) // the first does not mind
}

// TestCorruptReadModel holds that whatever happens to the files that are folded
// from the log, they are folded again, and nobody notices but the operator.
func TestCorruptReadModel(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(t *testing.T, path string){
		"deleted": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"empty":   func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"cut":     func(t *testing.T, path string) { must(t, os.Truncate(path, size(t, path)/2)) },
		"garbage": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 10_000)), 0o600))
		},
		"a page overwritten": func(t *testing.T, path string) { overwrite(t, path, 2*4096, 2*4096) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := harness.NewServer(t, "--log-level", "info").MustStart()
			r := harness.NewReceiver(t)
			s.API.Endpoint(t, r, nil)
			x := s.API.Tenant(t, s.SCIM, "corrupt.example", "OKTA")
			for i := range 40 {
				x.SCIM.Create(t, "/Users", harness.User(fmt.Sprintf("u%d@corrupt.example", i), nil))
			}
			group := x.SCIM.Create(t, "/Groups", harness.Group("Everybody"))
			before := state(t, x)
			users, err := s.API.Users(t.Context(), x)
			if err != nil || len(users) != 40 {
				t.Fatalf("%d users, %v", len(users), err)
			}
			const told = 44 // an organization, its domain and directory, 40 users, a group
			harness.Eventually(t, soon, "all webhooks", func() error { return count(r, told) })
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(s.Data, "*.db"))
			if err != nil || len(files) < 2 {
				t.Fatalf("the folder holds %v, %v", files, err)
			}
			for _, f := range files {
				harm(t, f)
			}
			s.MustStart()
			if after := state(t, x); !slices.Equal(before, after) {
				t.Errorf("SCIM shows something else:\nbefore %s\nafter  %s", before, after)
			}
			again, err := s.API.Users(t.Context(), x)
			if err != nil || len(again) != len(users) {
				t.Errorf("the API shows %d users, want %d; %v", len(again), len(users), err)
			}
			// Only what happens now is told.
			x.SCIM.Must(t, http.StatusNoContent, http.MethodDelete, "/Groups/"+group, nil)
			harness.Eventually(t, soon, "the next webhook", func() error { return count(r, told+1) })
			ids := map[string]bool{}
			for _, d := range r.Deliveries() {
				ids[d.ID] = true
			}
			if len(ids) != told+1 {
				t.Errorf("%d events were told, want %d", len(ids), told+1)
			}
			must(t, s.Stop())
			compareStreams(t, harness.OpenStore(t.Context(), t, s.Data))
		})
	}
}

// TestCorruptLog damages the log itself. Acknowledged writes are gone then, and
// whoever asks has to be told: at start, or by the readiness.
func TestCorruptLog(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(t *testing.T, data, msgs string){
		"a bit of the first block": func(t *testing.T, data, msgs string) {
			forget(t, data, msgs)
			flip(t, blocks(t, msgs)[0], 1<<20)
		},
		"the first block lost": func(t *testing.T, data, msgs string) {
			forget(t, data, msgs)
			must(t, os.Remove(blocks(t, msgs)[0]))
		},
		"the end cut": func(t *testing.T, _, msgs string) {
			must(t, os.Remove(filepath.Join(msgs, "index.db")))
			cut(t, msgs)
		},
		"the end cut, read models lost": func(t *testing.T, data, msgs string) {
			forget(t, data, msgs)
			cut(t, msgs)
		},
		"all blocks lost": func(t *testing.T, _, msgs string) {
			for _, b := range blocks(t, msgs) {
				must(t, os.Remove(b))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := harness.NewServer(t, "--log-level", "info").MustStart()
			r := harness.NewReceiver(t)
			s.API.Endpoint(t, r, nil)
			x := s.API.Tenant(t, s.SCIM, "lost.example", "OKTA")
			for i := range 25 { // three blocks
				x.SCIM.Create(t, "/Users", harness.User(fmt.Sprintf("u%d@lost.example", i), map[string]any{"title": strings.Repeat("x", 900_000)}))
			}
			// EVENTS has to know of all: if nobody does, nobody can miss it.
			harness.Eventually(t, soon, "all webhooks", func() error { return count(r, 28) })
			must(t, s.Stop())
			harm(t, s.Data, filepath.Join(s.Data, "jetstream", "$G", "streams", natslog.LogStream, "msgs"))
			if err := s.Start(); err != nil {
				code, err := s.Wait(soon)
				if err != nil {
					t.Fatal(err)
				}
				said := s.Log()
				said = said[max(0, strings.LastIndex(said, "rollcall:")):]
				if code == 0 || !strings.Contains(strings.ToLower(said), "restore the log") {
					t.Errorf("it refused with %d: %s", code, said)
				}
				t.Logf("it refuses to start: %s", said)
				return
			}
			harness.Eventually(t, soon, "the readiness to tell of the damage", func() error {
				status, body, err := s.Readiness()
				if err == nil && status != http.StatusServiceUnavailable {
					err = fmt.Errorf("%d %s", status, body)
				}
				return err
			})
			_, body, err := s.Readiness()
			must(t, err)
			t.Logf("it starts and is not ready: %s", body)
		})
	}
}

// forget removes what the server could check the log against, so that the log
// has to be read.
func forget(t *testing.T, data, msgs string) {
	t.Helper()
	must(t, os.Remove(filepath.Join(msgs, "index.db")))
	files, err := filepath.Glob(filepath.Join(data, "*.db"))
	must(t, err)
	for _, f := range files {
		must(t, os.Remove(f))
	}
}

// cut takes the end off the last block that holds anything.
func cut(t *testing.T, msgs string) {
	t.Helper()
	for _, b := range slices.Backward(blocks(t, msgs)) {
		if n := size(t, b); n > 1<<20 {
			must(t, os.Truncate(b, n-200))
			return
		}
	}
	t.Fatal("no block holds anything")
}

// TestLogFull holds that a full log refuses, keeps answering reads, and goes on
// once it has room.
func TestLogFull(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	const limit = 64 << 20
	s := harness.NewServerIn(t, data, "--store-limit", strconv.Itoa(limit), "--log-level", "info").MustStart()
	x := s.API.Tenant(t, s.SCIM, "full.example", "OKTA")
	stored := 0
	var refused harness.Answer
	for i := range 400 {
		a, err := x.SCIM.Do(t.Context(), http.MethodPost, "/Users",
			harness.User(fmt.Sprintf("u%d@full.example", i), map[string]any{"title": strings.Repeat(strconv.Itoa(i%10), 300_000)}))
		if err != nil {
			t.Fatal(err)
		}
		if a.Status != http.StatusCreated {
			refused = a
			break
		}
		stored++
	}
	if refused.Status == 0 {
		t.Fatalf("%d large users fit into a log of %d bytes", stored, limit)
	}
	checkError(t, refused, http.StatusServiceUnavailable)
	if refused.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	t.Logf("refused after %d users: %s", stored, refused.Text("detail"))
	total := func() int {
		n, _ := x.SCIM.Must(t, http.StatusOK, http.MethodGet, "/Users?count=0", nil).At("totalResults").(float64)
		return int(n)
	}
	if n := total(); n != stored {
		t.Errorf("%d users are there, %d were answered 201", n, stored)
	}
	harness.Eventually(t, soon, "the readiness to tell", func() error {
		status, body, err := s.Readiness()
		if err == nil && status != http.StatusServiceUnavailable {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	// Small changes fill what is left; none is answered 2xx and dropped.
	small := 0
	for i := range 20_000 {
		a, err := x.SCIM.Do(t.Context(), http.MethodPost, "/Users", harness.User(fmt.Sprintf("s%d@full.example", i), map[string]any{"title": strings.Repeat("s", 20_000)}))
		if err != nil {
			t.Fatal(err)
		}
		if a.Status != http.StatusCreated {
			checkError(t, a, http.StatusServiceUnavailable)
			break
		}
		small++
	}
	if n := total(); n != stored+small {
		t.Errorf("%d users are there, %d were answered 201", n, stored+small)
	}
	if _, err := s.API.Users(t.Context(), x); err != nil {
		t.Errorf("the API cannot read: %v", err)
	}
	must(t, s.Stop())

	larger := harness.Resume(t, s, "--store-limit", strconv.Itoa(2*limit), "--log-level", "info")
	x.SCIM = x.SCIM.Via(x.Directory, larger.URL())
	x.SCIM.Create(t, "/Users", harness.User("at-last@full.example", nil))
	if n := total(); n != stored+small+1 {
		t.Errorf("%d users are there after the restart, want %d", n, stored+small+1)
	}
}

func count(r *harness.Receiver, want int) error {
	if n := len(byID(r)); n < want {
		return fmt.Errorf("%d of %d", n, want)
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

func flip(t *testing.T, path string, offset int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b[offset] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
}

// overwrite fills a part of a file with one byte.
func overwrite(t *testing.T, path string, offset, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	for i := offset; i < min(offset+n, len(b)); i++ {
		b[i] = 0xa5
	}
	must(t, os.WriteFile(path, b, 0o600))
}

// blocks returns the files of a stream, oldest first.
func blocks(t *testing.T, msgs string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(msgs, "*.blk"))
	must(t, err)
	if len(found) == 0 {
		t.Fatalf("%s holds no blocks", msgs)
	}
	number := func(path string) (n int) {
		_, _ = fmt.Sscanf(filepath.Base(path), "%d.blk", &n)
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return number(a) - number(b) })
	return found
}
