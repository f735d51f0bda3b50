package web_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/services/web"
)

// counted returns the requests counted by method, route and status.
func (p *port) counted(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := p.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "rollcall_http_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			label := map[string]string{}
			for _, l := range m.GetLabel() {
				label[l.GetName()] = l.GetValue()
			}
			out[label["method"]+" "+label["route"]+" "+label["status"]] = m.GetCounter().GetValue()
		}
	}
	return out
}

// TestMetrics counts by route, with the status that the client got, and a
// client cannot make them grow.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := serve(t, web.Config{}, func(s *web.Server) {
		s.Echo.GET("/users/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
		s.Echo.POST("/teapot", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "short") })
		s.Echo.POST("/broken", func(echo.Context) error { return errors.New("a detail that is nobody's business") })
		s.Echo.POST("/panics", func(echo.Context) error { panic("boom") })
		s.Mount(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }), "/api/")
	})
	for i := range 20 {
		p.do(t, http.MethodGet, fmt.Sprint("/users/mara", i, "@acme.example"))
		p.do(t, http.MethodGet, fmt.Sprint("/unknown/mara", i, "@acme.example"))
		p.do(t, fmt.Sprint("VERB", i), fmt.Sprint("/api/", i))
		p.do(t, http.MethodPut, fmt.Sprint("/api//", i))
		p.do(t, http.MethodPost, fmt.Sprint("/users/mara", i, "@acme.example"))
	}
	p.do(t, http.MethodPost, "/teapot")
	if _, body := p.do(t, http.MethodPost, "/broken"); strings.Contains(body, "nobody's business") {
		t.Errorf("an error's details reach the client: %s", body)
	}
	p.do(t, http.MethodPost, "/panics")
	got := p.counted(t)
	want := map[string]float64{
		"GET /users/:id 204": 20, "GET none 404": 20, "PUT /api/* 202": 20, "POST /users/:id 405": 20,
		"POST /teapot 418": 1, "POST /broken 500": 1, "POST /panics 500": 1,
		"other /api/* 405": 20,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if strings.Contains(p.log.String(), "mara") {
		t.Error("the log shows paths")
	}
	if _, body := p.do(t, http.MethodGet, "/metrics"); !strings.Contains(body, `rollcall_http_requests_total{method="GET",route="/users/:id",status="204"} 20`) || !strings.Contains(body, "go_goroutines") {
		t.Errorf("/metrics shows %.300s", body)
	}
}

// TestPanic answers 500 without a detail; the log has it.
func TestPanic(t *testing.T) {
	t.Parallel()
	p := serve(t, web.Config{}, func(s *web.Server) {
		s.Echo.GET("/panics", func(echo.Context) error { panic("the secret cause") })
		s.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/half" {
				w.WriteHeader(http.StatusOK)
				_, _ = io.WriteString(w, "half")
			}
			panic(fmt.Errorf("the secret cause"))
		}), "/api/")
		s.Echo.GET("/abort", func(echo.Context) error { panic(http.ErrAbortHandler) })
	})
	for _, path := range []string{"/panics", "/api/x"} {
		res, body := p.do(t, http.MethodGet, path)
		if res.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") || strings.Contains(body, ".go:") || !strings.Contains(body, "message") {
			t.Errorf("%s answers %d %s", path, res.StatusCode, body)
		}
	}
	for _, path := range []string{"/abort", "/api/half"} {
		if body, err := p.try(t, path); err == nil {
			t.Errorf("the cut answer of %s arrives as whole: %q", path, body)
		}
	}
	if n := strings.Count(p.log.String(), "the secret cause"); n != 3 {
		t.Errorf("the log tells of %d panics", n)
	}
	if res, _ := p.do(t, http.MethodGet, "/healthz"); res.StatusCode != http.StatusOK {
		t.Errorf("after the panics the server answers %d", res.StatusCode)
	}
}

// try returns what arrives whole.
func (p *port) try(t *testing.T, path string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}
