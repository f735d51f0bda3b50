// Package dnstest is a DNS server on loopback for tests, which answers questions
// for TXT records over UDP.
//
// What must not live here: looking records up (pkg/txtrecord).
package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers with the records that it was given; names without any do not
// exist.
type Server struct {
	// Address is host:port.
	Address string

	conn net.PacketConn
	done chan struct{}

	mu      sync.Mutex
	records map[string][]string
	broken  bool
	asked   int
}

// Start starts one, which stops with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: conn.LocalAddr().String(), conn: conn, done: make(chan struct{}), records: map[string][]string{}}
	go s.serve()
	t.Cleanup(func() {
		_ = conn.Close()
		<-s.done
	})
	return s
}

// Set gives a name its TXT records.
func (s *Server) Set(name string, texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[strings.ToLower(name)+"."] = texts
}

// Break has the server fail every question from now on, or no more.
func (s *Server) Break(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

// Asked returns how many questions came.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *Server) serve() {
	defer close(s.done)
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer, ok := s.answer(buf[:n]); ok {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

func (s *Server) answer(query []byte) ([]byte, bool) {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil, false
	}
	q := m.Questions[0]
	s.mu.Lock()
	s.asked++
	texts, known := s.records[strings.ToLower(q.Name.String())]
	broken := s.broken
	s.mu.Unlock()
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	switch {
	case broken:
		m.RCode = dnsmessage.RCodeServerFailure
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeTXT:
		for _, t := range texts {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.TXTResource{TXT: []string{t}},
			})
		}
	}
	out, err := m.Pack()
	return out, err == nil
}
