// Command pull prints the public events of a Rollcall, one line each, and goes on
// where it was after a stop. CURSOR_FILE is where it keeps its position.
//
//	ROLLCALL_URL=… ROLLCALL_TOKEN=… CURSOR_FILE=cursor pull
//
// What must not live here: anything but the calls and the position.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"
)

// page is the answer of GET /api/v1/events.
type page struct {
	Events []struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"events"`
	Cursor string `json:"cursor"`
}

var errMissed = errors.New("events were missed: fetch users and groups as they are, then go on with oldest_cursor of the answer")

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pull:", err)
		os.Exit(1)
	}
}

func run() error {
	file := os.Getenv("CURSOR_FILE")
	stored, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	client := &http.Client{Timeout: time.Minute} // longer than wait_seconds
	for cursor := string(stored); ; {
		p, err := get(client, cursor)
		if errors.Is(err, errMissed) {
			return err
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "pull: again in a second:", err)
			time.Sleep(time.Second)
			continue
		}
		for _, e := range p.Events {
			fmt.Println(e.ID, e.Type) // the work
		}
		// Only now: what is done twice is known by its id, what is skipped by nothing.
		if err := os.WriteFile(file+".new", []byte(p.Cursor), 0o600); err != nil {
			return err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return err
		}
		cursor = p.Cursor
	}
}

func get(client *http.Client, cursor string) (p page, err error) {
	q := url.Values{"cursor": {cursor}, "limit": {"5"}, "wait_seconds": {"20"}}
	req, err := http.NewRequest(http.MethodGet, os.Getenv("ROLLCALL_URL")+"/api/v1/events?"+q.Encode(), nil) //nolint:noctx // the client has a time limit
	if err != nil {
		return p, err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("ROLLCALL_TOKEN"))
	res, err := client.Do(req)
	if err != nil {
		return p, err
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusOK:
		return p, json.NewDecoder(res.Body).Decode(&p)
	case http.StatusGone:
		return p, errMissed
	}
	return p, fmt.Errorf("the server answers %s", res.Status)
}
