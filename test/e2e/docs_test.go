package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

// example is a command in a document, and what the document says it prints.
type example struct{ command, prints string }

var fence = regexp.MustCompile("(?ms)^```(sh|json)\n(.*?)^```$")

// examples reads the commands of a document, in order.
func examples(t *testing.T, page string) []example {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash("../../deployments/docs/" + page))
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	for _, m := range fence.FindAllStringSubmatch(string(b), -1) {
		if m[1] == "sh" {
			list = append(list, example{command: m[2]})
		} else if len(list) > 0 {
			list[len(list)-1].prints = m[2]
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has no examples", page)
	}
	return list
}

// within reports whether all that a document shows of an answer is in it: of an
// object the members that it names, of a list every element.
func within(shown, got any) bool {
	switch shown := shown.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for name, v := range shown {
			ok = ok && within(v, g[name])
		}
		return ok
	case []any:
		g, ok := got.([]any)
		ok = ok && len(g) == len(shown)
		for i := range shown {
			ok = ok && within(shown[i], g[i])
		}
		return ok
	}
	return reflect.DeepEqual(shown, got)
}

// TestDocs_attributes runs the commands of the page about attributes and holds
// what they print to what the page shows.
func TestDocs_attributes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the examples are commands of curl, which is not here")
	}
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "acme.example", "")
	token, err := s.API.Token(t.Context())
	if err != nil || token.Status != http.StatusOK {
		t.Fatalf("token: %v, %d", err, token.Status)
	}
	s.Secrets.Add("access token", token.Text("access_token"))
	for _, e := range examples(t, "attributes.md") {
		cmd := exec.CommandContext(t.Context(), "sh", "-euc", e.command)
		cmd.Env = append(os.Environ(), "API="+s.API.Base+x.Path(), "TOKEN="+token.Text("access_token"), "SCIM="+x.SCIM.Base, "SCIM_TOKEN="+x.SCIM.Token)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", e.command, err, stderr.String())
		}
		if strings.TrimSpace(e.prints) == "" {
			continue
		}
		var shown, got any
		if err := json.Unmarshal([]byte(e.prints), &shown); err != nil {
			t.Fatalf("the page shows what is no JSON: %v\n%s", err, e.prints)
		}
		if err := json.Unmarshal(out, &got); err != nil || !within(shown, got) {
			t.Errorf("%s\nprints\n%s\nthe page shows\n%s", e.command, out, e.prints)
		}
	}
}
