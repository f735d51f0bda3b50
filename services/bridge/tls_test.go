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
	server            *tls.Config
	roots             *x509.CertPool
	certFile, keyFile string
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	pair := web.TLS.Certificates[0]
	dir := t.TempDir()
	i := identity{
		server: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		roots:  x509.NewCertPool(), certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem"),
	}
	i.roots.AddCert(web.Certificate())
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		i.certFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, i.keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
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
