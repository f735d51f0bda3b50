package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Target is a broker, and how to be let in.
type Target struct {
	// URL is amqp://host:port/vhost?exchange=name, kafka://host:port,host:port/topic
	// or nats://host:port/prefix; amqps and tls require TLS, as does kafka with
	// TLS. It holds no password.
	URL string
	// User and Password are for AMQP and NATS, and for Kafka by SASL.
	User, Password string
	// SASL is Kafka's mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; PLAIN if
	// empty and User is not.
	SASL string
	// CredsFile has NATS credentials.
	CredsFile string
	// TLS has Kafka use TLS. For the others the URL says.
	TLS bool
	// CAFile replaces the system's roots; CertFile and KeyFile are ours.
	CAFile, CertFile, KeyFile string
}

// link is a connection to a broker.
type link interface {
	message.Publisher
	// topic is what Publish is to be called with for a message.
	topic(m *message.Message) string
}

func (t Target) parse() (*url.URL, error) {
	// Several hosts are no host to package url.
	scheme, rest, ok := strings.Cut(t.URL, "://")
	hosts, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		hosts, path = rest[:i], rest[i:]
	}
	u, err := url.Parse(scheme + "://" + path)
	if err != nil || !ok {
		return nil, errors.New("the broker's URL cannot be read; it looks like amqp://host:5672/vhost?exchange=name, kafka://host:9092/topic or nats://host:4222/prefix")
	}
	if u.Host = hosts; strings.Contains(hosts, "@") {
		return nil, errors.New("the broker's URL must not hold a user or password; give them by themselves")
	}
	return u, nil
}

func (t Target) check() error {
	u, err := t.parse()
	if err != nil {
		return err
	}
	path := strings.Trim(u.Path, "/")
	switch {
	case u.Host == "":
		return errors.New("the broker's URL names no host")
	case t.Password != "" && t.User == "":
		return errors.New("a broker's password needs a user")
	case (t.CertFile == "") != (t.KeyFile == ""):
		return errors.New("a certificate for the broker and its key go together")
	}
	switch u.Scheme {
	case "amqp", "amqps":
	case "kafka":
		if path == "" || strings.Contains(path, "/") {
			return fmt.Errorf("a Kafka URL names one topic: kafka://host:9092/topic, not %q", t.URL)
		}
		if _, err := t.mechanism(); err != nil {
			return err
		}
	case "nats", "tls":
		if path == "" || strings.ContainsAny(path, "/ *>") {
			return fmt.Errorf("a NATS URL names the first part of the subjects: nats://host:4222/prefix, not %q", t.URL)
		}
	default:
		return fmt.Errorf("the broker's URL begins with amqp, amqps, kafka, nats or tls, not %q", u.Scheme)
	}
	_, err = t.tlsConfig()
	return err
}

// String names the broker, without credentials.
func (t Target) String() string {
	u, err := t.parse()
	if err != nil {
		return "broker"
	}
	return u.Scheme + "://" + u.Host
}

// redact keeps the password out of what a library says.
func (t Target) redact(err error) string {
	text := err.Error()
	if t.Password != "" {
		text = strings.ReplaceAll(text, t.Password, "…")
		text = strings.ReplaceAll(text, url.QueryEscape(t.Password), "…")
	}
	return text
}

func (t Target) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the broker's certificate authority: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load the certificate for the broker: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// dial connects.
func (t Target) dial() (link, error) {
	u, err := t.parse()
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "amqp", "amqps":
		return dialAMQP(t, u)
	case "kafka":
		return dialKafka(t, u)
	default:
		return dialNATS(t, u)
	}
}

// sender keeps one link, and dials anew after each failure: libraries differ in
// how they come back, and what is under way when they do not is unknown anyway.
type sender struct {
	target Target

	mu      sync.Mutex
	link    link
	closing sync.WaitGroup
}

// send returns once the broker has confirmed the message.
func (s *sender) send(ctx context.Context, m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan error, 1)
	type dialled struct {
		link link
		err  error
	}
	if s.link == nil {
		dials := make(chan dialled, 1)
		go func() {
			l, err := s.target.dial()
			dials <- dialled{l, err}
		}()
		select {
		case d := <-dials:
			if d.err != nil {
				return d.err
			}
			s.link = d.link
		case <-ctx.Done():
			s.closing.Go(func() {
				if d := <-dials; d.link != nil {
					_ = d.link.Close()
				}
			})
			return context.Cause(ctx)
		}
	}
	l := s.link
	out := m.Copy()
	out.SetContext(ctx)
	go func() { done <- l.Publish(l.topic(out), out) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		s.drop()
	}
	return err
}

func (s *sender) drop() {
	if l := s.link; l != nil {
		s.link = nil
		s.closing.Go(func() { _ = l.Close() })
	}
}

func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	s.closing.Wait()
}
