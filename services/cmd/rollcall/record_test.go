package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// made is a call that a command made: "package.Service/Method" and "org list".
type made struct{ call, command string }

// record is what the commands of the scripts had granted.
type record struct {
	mu   sync.Mutex
	made map[made]bool
}

// command is "record NAME ADDRESS" of the scripts.
func (r *record) command(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: record NAME ADDRESS")
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: args[1]})
		},
		ModifyResponse: func(res *http.Response) error {
			command, ours := strings.CutPrefix(res.Request.UserAgent(), "rollcall (")
			if res.StatusCode == http.StatusOK && ours {
				r.mu.Lock()
				defer r.mu.Unlock()
				if r.made == nil {
					r.made = map[made]bool{}
				}
				r.made[made{strings.TrimPrefix(res.Request.URL.Path, "/"), strings.TrimSuffix(command, ")")}] = true
			}
			return nil
		},
	})
	ts.Defer(proxy.Close)
	ts.Setenv(args[0], strings.TrimPrefix(proxy.URL, "http://"))
}

// check fails for every command that no script has run with success.
func (r *record) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for call, command := range commandOf {
		if !r.made[made{call, command}] {
			t.Errorf("no script has \"rollcall %s\" make the call %s with success", command, call)
		}
	}
}
