package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

var (
	// patient is for calls that the server may make wait.
	patient = &http.Client{Timeout: 30 * time.Second, Transport: transport()}
	// quick is for calls that have to be answered at once.
	quick = &http.Client{Timeout: 5 * time.Second, Transport: transport()}
)

func transport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 10 * time.Second}
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON reads the body as an object.
func (a Answer) JSON(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.Body, &m); err != nil {
		t.Fatalf("the answer %d is not a JSON object: %v\n%s", a.Status, err, a.Body)
	}
	return m
}

// At returns what stands in the body at a path such as "directory.id" or
// "Resources.0.id", nil if nothing does.
func (a Answer) At(path string) any {
	var v any
	if json.Unmarshal(a.Body, &v) != nil {
		return nil
	}
	return At(v, path)
}

// Text is At for texts, "" if there is none.
func (a Answer) Text(path string) string {
	s, _ := a.At(path).(string)
	return s
}

// At walks a decoded JSON value.
func At(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			var i int
			if _, err := fmt.Sscanf(part, "%d", &i); err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// call is one HTTP request in the making.
type call struct {
	client *http.Client
	method string
	url    string
	header http.Header
	// body is nil, raw ([]byte or string) or anything that JSON can write.
	body any
}

func (c *call) do(ctx context.Context) (Answer, error) {
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	case string:
		body = strings.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return Answer{}, err
		}
		body = bytes.NewReader(j)
	}
	r, err := http.NewRequestWithContext(ctx, c.method, c.url, body)
	if err != nil {
		return Answer{}, err
	}
	for k, v := range c.header {
		r.Header[k] = v
	}
	res, err := c.client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	err = errors.Join(err, res.Body.Close())
	return Answer{Status: res.StatusCode, Header: res.Header, Body: b}, err
}
