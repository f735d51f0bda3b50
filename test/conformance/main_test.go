// Package conformance holds the running binary against the SCIM standards, and
// against what identity providers are known to send.
//
// testdata/rfc7643, rfc7644 and rfc9865 have one case for each requirement that
// a server can be held to, named by its section; testdata/lenience has what is
// tolerated beyond them, and that a strict directory refuses it; and
// testdata/providers replays an ordinary day of each provider, with the public
// events that it causes. test/conformance/script says how to read and write
// them. What does not fit a conversation is a test in Go.
//
// Cases share a server process and have a directory each. Run one
// section with `make test PKG=./test/conformance RUN='/RFC7644/3.5.2'`.
//
// What must not live here: what is particular to Rollcall beyond SCIM and its
// public events (test/e2e).
package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Cases wait for the disk, not for a processor.
	if err := flag.Set("test.parallel", "32"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(harness.Main(m))
}

// site is the server that all cases share.
type site struct{ *harness.Server }

// TestProviders replays a day of each provider, with what the application is told
// and what the sync log says.
func TestProviders(t *testing.T) {
	t.Parallel()
	x := site{harness.NewServer(t).MustStart()}
	x.playAll(t, cases(t, "testdata/providers"))
}

// TestLenience plays what is tolerated, on a server of its own: the sync log,
// which it reads, shows a few directories a second.
func TestLenience(t *testing.T) {
	t.Parallel()
	x := site{harness.NewServer(t).MustStart()}
	x.playAll(t, cases(t, "testdata/lenience"))
	t.Run("lenience/15/a refusal is noted without its password", func(t *testing.T) {
		t.Parallel()
		refusalNoted(t, x)
	})
}

// TestSCIM plays what the RFCs require.
func TestSCIM(t *testing.T) {
	t.Parallel()
	x := site{harness.NewServer(t).MustStart()}
	x.playAll(t, cases(t, "testdata/rfc7643", "testdata/rfc7644", "testdata/rfc9865"))
	for name, test := range map[string]func(*testing.T, site){
		"RFC7643/7/random values of every attribute come back":  roundTrip,
		"RFC7643/7/every attribute can be filtered by":          filterEach,
		"RFC7644/2/a secret opens one directory":                oneDirectory,
		"RFC7644/2/a disabled directory is closed":              disabledDirectory,
		"RFC7644/6/directories do not see each other":           isolation,
		"RFC7644/3.3/one of many creations of a name wins":      oneWinner,
		"RFC7644/3.5.2/members added at once are all kept":      manyMembers,
		"RFC7644/3.5.2/hundreds of operations are done":         manyOperations,
		"RFC7644/3.14/one of many conditional writes wins":      oneVersion,
		"RFC7644/3.4.2.4/pages by index hold everything once":   indexWalk,
		"RFC9865/2/pages by cursor hold everything once":        cursorWalk,
		"RFC7644/3.7.4/bulk is bounded as the service says":     bulkBounds,
		"RFC7644/3.4.2.4/pages are bounded as the service says": pageBounds,
		"RFC7644/3.12/bodies are bounded":                       bodyBounds,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, x)
		})
	}
}

// playAll plays each case as a test.
func (x site) playAll(t *testing.T, all []script.Case) {
	t.Helper()
	for _, c := range all {
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			x.play(t, c)
		})
	}
}

// play plays a case on a new directory.
func (x site) play(t *testing.T, c script.Case) {
	t.Helper()
	tenant := x.tenant(t, c.Setting)
	names := script.NewNames(script.Names{"base": tenant.SCIM.Base, "directory": tenant.Directory, "organization": tenant.Organization})
	told := x.listen(t, tenant, c)
	err := c.Play(t.Context(), do(tenant.SCIM), names)
	if err == nil {
		err = errors.Join(told(names), x.noted(t, tenant, c, names))
	}
	if err != nil {
		t.Error(err)
	}
}

// tenant makes a directory with the settings of a case.
func (x site) tenant(t *testing.T, s script.Setting) *harness.Tenant {
	t.Helper()
	name := s.Domain
	if name == "" {
		name = domain(t)
	}
	tenant := x.API.Tenant(t, x.SCIM, name, s.Provider)
	policy := map[string]any{}
	if s.Domain == "" {
		policy["domain_policy"], policy["email_policy"] = "OFF", "FOLLOW_DIRECTORY"
	}
	if s.Strict {
		policy["conformance"] = "STRICT"
	}
	for _, change := range s.Policies {
		if err := json.Unmarshal([]byte(change), &policy); err != nil {
			t.Fatal(err)
		}
	}
	if len(policy) > 0 {
		x.API.Policy(t, tenant, policy)
	}
	if len(s.Extensions) > 0 {
		x.API.Must(t, http.StatusOK, http.MethodPut, tenant.Path()+"/schemas", `{"extensions":[`+strings.Join(s.Extensions, ",")+`]}`)
	}
	return tenant
}

// domain names a customer after its test.
func domain(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, r := range strings.ToLower(t.Name()) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	name := b.String()
	return fmt.Sprintf("%s-%08x.example", name[:min(40, len(name))], sum(t.Name()))
}

// sum keeps long names apart (FNV-1a).
func sum(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// do sends requests of a script through a connection.
func do(s *harness.SCIM) script.Do {
	return func(ctx context.Context, method, path string, header http.Header, body []byte) (script.Answer, error) {
		c := *s
		c.Header = header
		var b any
		if body != nil {
			b = body
		}
		a, err := c.Do(ctx, method, path, b)
		return script.Answer{Status: a.Status, Header: a.Header, Body: a.Body}, err
	}
}

// cases reads the scripts in the folders.
func cases(t *testing.T, folders ...string) []script.Case {
	t.Helper()
	var all []script.Case
	names := map[string]string{}
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.scim")
		if err != nil || len(files) == 0 {
			t.Fatalf("there are no scripts in %s: %v", folder, err)
		}
		for _, file := range files {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			found, err := script.Parse(file, f)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			for _, c := range found {
				if at, twice := names[c.Name()]; twice {
					t.Fatalf("%s and %s both hold %s", at, file, c.Name())
				}
				names[c.Name()] = file
			}
			all = append(all, found...)
		}
	}
	return all
}
