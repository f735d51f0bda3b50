package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the program a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rollcall": main})
}

// TestScript runs the program as people do: its flags, words, files and exit
// codes. Beside testscript's own commands there are
//
//	ready ADDRESS   waits until the server there says that it is ready
//	freeport NAME   sets NAME to a free loopback address
//	jsonvar NAME …  sets NAME to what is at a path in the JSON on the last stdout
//	provision BASE SECRET N
//	                sends a group with N users by SCIM, and a user twice
//	record NAME ADDRESS
//	                sets NAME to an address that leads to the server there, and
//	                notes which command has which call granted
//
// In the end every command of the table in coverage_test.go must have had its
// call granted by a real server.
func TestScript(t *testing.T) {
	t.Parallel()
	granted := &record{}
	if all := flag.Lookup("test.run").Value.String(); !strings.Contains(all, "/") {
		t.Cleanup(func() { granted.check(t) }) // behind all scripts
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"ready":     ready,
			"freeport":  freePort,
			"jsonvar":   jsonVar,
			"record":    granted.command,
			"provision": provision,
		},
	})
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready ADDRESS")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; time.Now().Before(deadline); <-tick.C {
		res, err := client.Get("http://" + args[0] + "/readyz")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("the server at %s does not become ready", args[0])
}

func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Setenv(args[0], fmt.Sprint(l.Addr()))
	ts.Check(l.Close())
}

func jsonVar(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jsonvar NAME PART...")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for _, part := range args[1:] {
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(at) {
				ts.Fatalf("there is no %s among %d items", part, len(at))
			}
			v = at[i]
		}
	}
	text, ok := v.(string)
	if !ok || text == "" {
		ts.Fatalf("at %q is no text: %v", args[1:], v)
	}
	ts.Setenv(args[0], text)
}
