package e2e_test

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/test/harness"
)

// TestTail_split has the API tell live of attempts that two delivery workers
// make, each a process of its own.
func TestTail_split(t *testing.T) {
	t.Parallel()
	c := harness.NewCluster(t)
	c.Worker("delivery-2").MustStart()
	r := harness.NewReceiver(t)
	waiting := map[string]bool{} // endpoints whose attempt was not told yet
	for range 12 {               // one worker having all of them is unlikely
		waiting[c.API.Endpoint(t, r, map[string]any{"event_types": []string{string(public.UserCreated)}})] = true
	}
	x := c.API.Tenant(t, c.SCIM, "tail.example", "OKTA")
	res := openTail(t.Context(), t, c.API.Base, tokenOf(t, c.API), url.Values{})
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the tail is answered %d", res.StatusCode)
	}
	x.SCIM.Create(t, "/Users", harness.User("tess@tail.example", nil))
	for lines := bufio.NewScanner(res.Body); len(waiting) > 0 && lines.Scan(); {
		for id := range waiting {
			if strings.Contains(lines.Text(), id) && strings.Contains(lines.Text(), string(public.UserCreated)) {
				delete(waiting, id)
			}
		}
	}
	if len(waiting) > 0 {
		t.Errorf("the tail ended before it told of %d of 12 endpoints", len(waiting))
	}
}
