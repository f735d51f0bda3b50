// Package web is the one HTTP port: SCIM, API, health and metrics on one echo
// router, over HTTP/1.1 and HTTP/2, in clear text or TLS.
//
// It knows what every route shares (limits, logging, recovery, health) and
// nothing of what the routes do. With the SCIM routes it is the only package
// that imports echo, so that moving to its next version stays a small change.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// readHeaderWithin bounds how long a client may take to send its headers.
	readHeaderWithin = 10 * time.Second
	// readWithin bounds how long a client may take to send a whole request.
	readWithin = time.Minute
	// maxHeader bounds a request's headers, in bytes.
	maxHeader = 64 << 10
	// stopWithin bounds how long open requests may take after Stop.
	stopWithin = 10 * time.Second
)

// Config says how the port is served.
type Config struct {
	// Listen is host:port.
	Listen string
	// TLSCert and TLSKey are PEM files; both empty means clear text.
	TLSCert, TLSKey string
	// TrustedProxies are CIDRs whose X-Forwarded-For is believed.
	TrustedProxies []string
	// Ready reports whether a write would succeed now.
	Ready    func(context.Context) error
	Registry *prometheus.Registry
	Logger   *slog.Logger
}

// Server serves one port.
type Server struct {
	Echo     *echo.Echo
	cfg      Config
	http     *http.Server
	listener net.Listener
	done     chan error
}

// New makes the router with the routes that every process has.
func New(cfg Config) (*Server, error) {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	extract, err := extractor(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	e.IPExtractor = extract
	s := &Server{Echo: e, cfg: cfg, done: make(chan error, 1)}
	m := newMetrics(cfg.Registry)
	e.Use(m.observe, observe(cfg.Logger), recovered(cfg.Logger))
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", s.ready)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{})))

	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler: e, Protocols: &protocols, ReadHeaderTimeout: readHeaderWithin, ReadTimeout: readWithin, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Mount hands paths to h: a prefix that ends in a slash or a dot stands for all
// that begins with it. Paths are taken as they come: a doubled slash is not
// redirected, which would turn a POST into a GET.
func (s *Server) Mount(h http.Handler, prefixes ...string) {
	for _, p := range prefixes {
		if strings.HasSuffix(p, "/") || strings.HasSuffix(p, ".") {
			p += "*"
		}
		s.Echo.Any(p, echo.WrapHandler(h))
	}
}

// Listen binds the port, so that its address is known before it serves.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.cfg.Listen, err)
	}
	if s.cfg.TLSCert != "" || s.cfg.TLSKey != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.TLSCert, s.cfg.TLSKey)
		if err != nil {
			return errors.Join(fmt.Errorf("load the TLS certificate: %w", err), l.Close())
		}
		s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	s.listener = l
	return nil
}

// Serve serves the bound port in the background.
func (s *Server) Serve() error {
	if s.listener == nil {
		return errors.New("web: Serve before Listen")
	}
	go func() {
		var err error
		if s.http.TLSConfig != nil {
			err = s.http.ServeTLS(s.listener, "", "")
		} else {
			err = s.http.Serve(s.listener)
		}
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		s.done <- err
	}()
	return nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Failed is sent to when serving ends by itself.
func (s *Server) Failed() <-chan error { return s.done }

// Stop lets open requests finish, within a bound.
func (s *Server) Stop() error {
	if s.listener == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	return err
}

func (s *Server) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	if err := s.cfg.Ready(ctx); err != nil {
		c.Response().Header().Set("Retry-After", "1")
		return c.JSON(http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": err.Error()})
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// extractor believes forwarded addresses only from the given networks; the
// router's own default believes everybody.
func extractor(cidrs []string) (echo.IPExtractor, error) {
	if len(cidrs) == 0 {
		return echo.ExtractIPDirect(), nil
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, c := range cidrs {
		_, network, err := net.ParseCIDR(c)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies: %q is not a network in CIDR form, such as 10.0.0.0/8", c)
		}
		options = append(options, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(options...), nil
}
