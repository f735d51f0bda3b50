package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/rollcallhq/rollcall/test/harness"
)

var letIn = regexp.MustCompile(`NATS clients are let in at (\S+:\d+)`)

// natsReader is a NATS client with a credential.
type natsReader struct {
	id, seed, public string
}

func newNATSReader(t *testing.T, s *harness.Server, body map[string]any) natsReader {
	t.Helper()
	res := s.API.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/nats_credentials", body)
	r := natsReader{id: res.Text("credential.id"), seed: res.Text("seed"), public: res.Text("credential.public_key")}
	if r.id == "" || r.seed == "" || r.public == "" {
		t.Fatalf("made was %+v", res)
	}
	s.Secrets.Add("seed of a NATS credential", r.seed)
	return r
}

// connect joins the server as the reader; closed, if not nil, is closed when the
// connection is.
func (r natsReader) connect(t *testing.T, s *harness.Server, closed chan struct{}, more ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	found := letIn.FindAllStringSubmatch(s.Log(), -1)
	if len(found) == 0 {
		t.Fatal("the server does not say where NATS clients are let in")
	}
	pair, err := nkeys.FromSeed([]byte(r.seed))
	if err != nil {
		t.Fatal(err)
	}
	options := append([]nats.Option{
		nats.Nkey(r.public, pair.Sign), nats.NoReconnect(), nats.Timeout(30 * time.Second),
		nats.ClosedHandler(func(*nats.Conn) {
			if closed != nil {
				close(closed)
			}
		}),
	}, more...)
	nc, err := nats.Connect("nats://"+found[len(found)-1][1], options...)
	if err != nil {
		return nil, err
	}
	t.Cleanup(nc.Close)
	return nc, nil
}

// next takes n events and acknowledges them; it returns their subjects.
func (r natsReader) next(t *testing.T, nc *nats.Conn, n int) []string {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(t.Context(), "EVENTS", r.id)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(n, jetstream.FetchMaxWait(60*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for m := range batch.Messages() {
		got = append(got, m.Subject())
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
	}
	return got
}

// TestNATS_readers has NATS clients read what their credentials say, also after a
// restart, and nothing once these are revoked.
func TestNATS_readers(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t, "--nats-listen", "127.0.0.1:0").MustStart()
	acme := s.API.Tenant(t, s.SCIM, "acme.example", "OKTA")
	globex := s.API.Tenant(t, s.SCIM, "globex.example", "OKTA")
	const created = "organization.directory.user_created"
	ours := newNATSReader(t, s, map[string]any{"name": "acme's", "organization_id": acme.Organization, "event_types": []string{created}})
	all := newNATSReader(t, s, map[string]any{"name": "everything of a type", "event_types": []string{created}})
	user := func(o *harness.Tenant, name string) {
		t.Helper()
		o.SCIM.Must(t, http.StatusCreated, http.MethodPost, "/Users", map[string]any{
			"schemas": []string{harness.UserURN}, "userName": name, "active": true, "emails": []map[string]any{{"value": name, "primary": true}},
		})
	}
	user(globex, "g@globex.example")
	user(acme, "a@acme.example")
	of := func(o *harness.Tenant) string { return "events." + o.Organization + "." + o.Directory + "." + created }

	nc, err := ours.connect(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := ours.next(t, nc, 1); len(got) != 1 || got[0] != of(acme) {
		t.Errorf("the reader of one organization gets %v", got)
	}
	every, err := all.connect(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := all.next(t, every, 2); len(got) != 2 || got[0] != of(globex) || got[1] != of(acme) {
		t.Errorf("the reader of all gets %v", got)
	}
	if res := s.API.Must(t, 200, http.MethodGet, "/api/v1/nats_credentials?page_size=1", nil); res.Text("credentials.0.id") != ours.id || res.Text("credentials.0.name") != "acme's" || res.Text("next_page_token") == "" {
		t.Errorf("listed are %+v", res)
	}

	// Neither the credentials nor the positions are lost with the process.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s.MustStart()
	acme.SCIM = s.API.Tenant(t, s.SCIM, "third.example", "OKTA").SCIM
	user(acme, "b@third.example")
	closed := make(chan struct{})
	if every, err = all.connect(t, s, closed); err != nil {
		t.Fatal(err)
	}
	if got := all.next(t, every, 1); len(got) != 1 || got[0] == of(acme) || got[0] == of(globex) {
		t.Errorf("after a restart the reader of all gets %v", got)
	}

	s.API.Must(t, 200, http.MethodDelete, "/api/v1/nats_credentials/"+all.id, nil)
	<-closed
	if _, err := all.connect(t, s, nil); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a credential that was revoked is answered %v", err)
	}
	if _, err := ours.connect(t, s, nil); err != nil {
		t.Errorf("the other: %v", err)
	}
	if st := s.API.Must(t, 404, http.MethodDelete, "/api/v1/nats_credentials/"+all.id, nil).Status; st != 404 {
		t.Errorf("revoked twice: %d", st)
	}
}

// TestNATS_TLS has a NATS client read over TLS from a server whose authority it
// knows; one that does not know it, or speaks no TLS, learns nothing.
func TestNATS_TLS(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for a certificate that is its own authority
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	key, err := x509.MarshalPKCS8PrivateKey(web.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: web.Certificate().Raw}, keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := harness.NewServer(t, "--nats-listen", "127.0.0.1:0", "--nats-tls-cert", certFile, "--nats-tls-key", keyFile).MustStart()
	acme := s.API.Tenant(t, s.SCIM, "acme.example", "OKTA")
	const created = "organization.directory.user_created"
	r := newNATSReader(t, s, map[string]any{"name": "over TLS", "event_types": []string{created}})
	acme.SCIM.Create(t, "/Users", harness.User("a@acme.example", nil))

	var unknown x509.UnknownAuthorityError
	if _, err := r.connect(t, s, nil); !errors.As(err, &unknown) {
		t.Errorf("a client that does not know the authority gets %v", err)
	}
	found := letIn.FindStringSubmatch(s.Log())
	raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", found[1])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if _, err := fmt.Fprintf(raw, "CONNECT {\"verbose\":true,\"nkey\":%q,\"sig\":\"x\"}\r\nPING\r\n", r.public); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(raw); !bytes.HasPrefix(answer, []byte("INFO ")) || bytes.Contains(answer, []byte("PONG")) || bytes.Contains(answer, []byte("+OK")) {
		t.Errorf("a client without TLS is answered %q", answer)
	}
	nc, err := r.connect(t, s, nil, nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	if state, err := nc.TLSConnectionState(); err != nil || !state.HandshakeComplete {
		t.Errorf("the connection is %+v, %v", state, err)
	}
	want := "events." + acme.Organization + "." + acme.Directory + "." + created
	if got := r.next(t, nc, 1); len(got) != 1 || got[0] != want {
		t.Errorf("over TLS the reader gets %v, want %s", got, want)
	}
}
