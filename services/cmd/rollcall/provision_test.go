package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// provision is "provision BASE SECRET N" of the scripts: it plays an identity
// provider that sends a group with N users, and then a user who is there already.
func provision(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: provision BASE SECRET N")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	client := &http.Client{Timeout: 30 * time.Second}
	post := func(path string, body any) (id string, status int) {
		b, err := json.Marshal(body)
		ts.Check(err)
		req, err := http.NewRequest(http.MethodPost, args[0]+path, bytes.NewReader(b)) //nolint:noctx // the client has a limit
		ts.Check(err)
		req.Header.Set("Content-Type", "application/scim+json")
		req.Header.Set("Authorization", "Bearer "+args[1])
		res, err := client.Do(req)
		ts.Check(err)
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		ts.Check(err)
		var made struct{ ID string }
		ts.Check(json.Unmarshal(answer, &made))
		return made.ID, res.StatusCode
	}
	user := func(i int) map[string]any {
		return map[string]any{
			"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
			"userName": fmt.Sprintf("u%d@acme.example", i), "title": "staff", "active": true,
			"emails": []map[string]any{{"value": fmt.Sprintf("u%d@acme.example", i), "primary": true}},
		}
	}
	var members []map[string]any
	for i := range n {
		id, status := post("/Users", user(i))
		if status != http.StatusCreated {
			ts.Fatalf("user %d: status %d", i, status)
		}
		members = append(members, map[string]any{"value": id})
	}
	if _, status := post("/Groups", map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "Everybody", "members": members,
	}); status != http.StatusCreated {
		ts.Fatalf("the group: status %d", status)
	}
	if _, status := post("/Users", user(0)); status != http.StatusConflict {
		ts.Fatalf("a user for the second time: status %d", status)
	}
}
