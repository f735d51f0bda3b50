package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

// TestDirectoryJob kills the server right behind a mapping for more users than
// one step covers. Started again, it carries the mapping to everybody, and the
// command line shows that.
func TestDirectoryJob(t *testing.T) {
	t.Parallel()
	const users, each = 1001, 143
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "large.example", "OKTA")
	for from := 0; from < users; from += each {
		var ops []any
		for i := range each {
			ops = append(ops, map[string]any{
				"method": http.MethodPost, "path": "/Users", "bulkId": fmt.Sprint("b", i), "data": harness.User(fmt.Sprintf("user%d@large.example", from+i), nil),
			})
		}
		x.SCIM.Must(t, http.StatusOK, http.MethodPost, "/Bulk", map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"}, "Operations": ops})
	}
	s.API.Must(t, http.StatusOK, http.MethodPut, x.Path()+"/attribute_mappings", map[string]any{"mappings": []any{
		map[string]any{"key": "badge", "default_value": "none"},
	}})
	s.Kill()
	s.MustStart()
	harness.Eventually(t, soon, "the job to end", func() error {
		a, err := s.API.Call(t.Context(), http.MethodGet, x.Path()+"/jobs", nil)
		if err == nil && (a.Text("jobs.0.status") != "FINISHED" || a.Text("jobs.0.done") != strconv.Itoa(users)) {
			err = fmt.Errorf("status %d: %s", a.Status, a.Body)
		}
		return err
	})

	cmd := exec.CommandContext(t.Context(), harness.Rollcall(t), "mapping", "progress", x.Organization, x.Directory, "--follow", "--json")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "ROLLCALL_URL="+s.URL(), "ROLLCALL_CLIENT_ID="+s.API.ClientID, "ROLLCALL_CLIENT_SECRET="+s.API.Secret)
	out, err := cmd.Output()
	var jobs []struct{ Kind, Status, Done, Total string }
	if err == nil {
		err = json.Unmarshal(out, &jobs)
	}
	if err != nil || len(jobs) != 1 {
		t.Fatalf("the command line shows %s (%v)", out, err)
	}
	if j := jobs[0]; j.Kind != "ATTRIBUTES_MAPPED" || j.Status != "FINISHED" || j.Done != strconv.Itoa(users) || j.Total != j.Done {
		t.Errorf("the job is %+v", j)
	}
}
