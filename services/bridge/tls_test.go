package bridge_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollcallhq/rollcall/services/bridge"
)

// identity is a broker's certificate for loopback, which is its own authority.
type identity struct {
	server   *tls.Config
	roots    *x509.CertPool
	certFile string
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	pair := web.TLS.Certificates[0]
	i := identity{
		server: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		roots:  x509.NewCertPool(), certFile: filepath.Join(t.TempDir(), "cert.pem"),
	}
	i.roots.AddCert(web.Certificate())
	if err := os.WriteFile(i.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// distrusted has a bridge that does not know the broker's authority send nothing,
// and ends it again. What was due is left to the next bridge.
func distrusted(t *testing.T, w *world, target bridge.Target) []string {
	t.Helper()
	target.CAFile = ""
	b, _ := w.bridge(target)
	ids := w.publish("org_1", userUpdated, 3)
	until(t, "it is refused", func() bool { return b.Stats().Failed > 0 })
	if n := b.Stats().Forwarded; n > 0 {
		t.Errorf("%d events went to a broker that nobody vouches for", n)
	}
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	return ids
}
