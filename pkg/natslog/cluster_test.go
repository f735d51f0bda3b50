package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// cluster starts three servers on the loopback interface that know each other.
func cluster(t *testing.T) []*server.Server {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for range 3 {
		// The port is free a moment later, and nobody else is given it so soon.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port(t, l.Addr()))
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: l.Addr().String()})
		_ = l.Close()
	}
	var servers []*server.Server
	for i, port := range ports {
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 30, MaxPayload: natslog.MinPayload, NoLog: true, NoSigs: true,
			Cluster: server.ClusterOpts{Name: "rollcall", Host: "127.0.0.1", Port: port}, Routes: routes,
		}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		go s.Start()
		t.Cleanup(func() {
			s.Shutdown()
			s.WaitForShutdown()
		})
		servers = append(servers, s)
	}
	eventually(t, "the cluster has a leader and three members", func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(servers) {
				return true
			}
		}
		return false
	})
	return servers
}

func port(t *testing.T, a net.Addr) int {
	t.Helper()
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is no TCP address", a)
	}
	return tcp.Port
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// TestCluster runs what only a replicated log can show, on one cluster.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers are not for -short")
	}
	t.Parallel()
	servers := cluster(t)
	nc, err := nats.Connect(servers[0].ClientURL(), natslog.ConnectOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js := client(t, nc)
	// A request that comes while the servers elect their leader can be lost.
	var refusal error
	defer func() {
		if t.Failed() && refusal != nil {
			t.Logf("the last refusal to place the streams: %v", refusal)
		}
	}()
	eventually(t, "the streams can be placed", func() bool {
		refusal = natslog.Ensure(t.Context(), js, natslog.Config{Replicas: 3})
		return refusal == nil
	})
	ensure(t, js, natslog.Config{Replicas: 1}) // never fewer
	if got := config(t, js, natslog.LogStream).Replicas; got != 3 {
		t.Fatalf("LOG has %d replicas, want 3", got)
	}
	t.Run("together", func(t *testing.T) {
		t.Run("a lone writer never conflicts", func(t *testing.T) {
			t.Parallel()
			loneWriter(t, open(t, js, 1, natslog.Options{}))
		})
		t.Run("a resend while the first is in flight", func(t *testing.T) {
			t.Parallel()
			resendInFlight(t, js, open(t, js, 2, natslog.Options{}))
		})
		t.Run("two writers", func(t *testing.T) {
			t.Parallel()
			twoWriters(t, servers, 3)
		})
	})
	t.Run("the leader goes", func(t *testing.T) { leaderGoes(t, servers, js) })
}

// loneWriter appends as fast as acks come. The server's mark of the last write
// can outlive its ack, which reads as 10164; Append sends again.
func loneWriter(t *testing.T, log partition) {
	positions := logtest.Fill(t, log, eventlog.Position{}, 300)
	if got := logtest.Read(t, log, eventlog.Position{}); len(got) != 300 || got[299].Position != positions[300] {
		t.Errorf("read %d of 300 frames", len(got))
	}
}

// resendInFlight sends a frame without waiting, as a writer does whose ack got
// lost, and the same frame again at once. The second must be told of the first
// in the end, and the log hold it once.
func resendInFlight(t *testing.T, js jetstream.JetStream, log partition) {
	var at eventlog.Position
	for round := range 30 {
		b := logtest.Frame(at, fmt.Sprint("round-", round), 1)
		first, err := js.PublishMsgAsync(&nats.Msg{Subject: natslog.Subject(2), Data: b}, jetstream.WithExpectLastSequencePerSubject(at.Seq))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(t.Context(), at, b); !errors.Is(err, eventlog.ErrConflict) {
			t.Errorf("round %d: the second of two equal frames is told %v, want ErrConflict", round, err)
		}
		select {
		case ack := <-first.Ok():
			at = positionOf(t, at, ack.Sequence, b)
		case err := <-first.Err():
			t.Fatalf("round %d: the first of two equal frames is told %v", round, err)
		case <-time.After(patience):
			t.Fatalf("round %d: the first of two equal frames is told nothing", round)
		}
	}
	if got := logtest.Read(t, log, eventlog.Position{}); len(got) != 30 {
		t.Errorf("the log holds %d frames, want 30", len(got))
	}
}

// twoWriters race from different servers for each position: of two frames with
// the same expectation, never both are acked.
func twoWriters(t *testing.T, servers []*server.Server, number int) {
	var logs []partition
	for _, s := range servers[1:] {
		nc, err := nats.Connect(s.ClientURL(), natslog.ConnectOptions()...)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		logs = append(logs, open(t, client(t, nc), number, natslog.Options{}))
	}
	var at eventlog.Position
	for round := range 100 {
		results := make(chan error, len(logs))
		for w, log := range logs {
			b := logtest.Frame(at, fmt.Sprintf("round-%d-writer-%d", round, w), 1)
			go func() {
				_, err := log.Append(t.Context(), at, b)
				results <- err
			}()
		}
		won := 0
		for range logs {
			switch err := <-results; {
			case err == nil:
				won++
			case !errors.Is(err, eventlog.ErrConflict):
				t.Fatalf("round %d: %v", round, err)
			}
		}
		entries := logtest.Read(t, logs[round%2], at)
		if won > 1 || len(entries) != won {
			t.Fatalf("round %d: %d writers won, %d frames are stored", round, won, len(entries))
		}
		if won == 1 {
			at = entries[0].Position
		}
	}
	if at.Index < 50 {
		t.Errorf("only %d of 100 rounds had a winner", at.Index)
	}
}

// leaderGoes stops the server that leads LOG under a writer and a reader.
func leaderGoes(t *testing.T, servers []*server.Server, js jetstream.JetStream) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	stream, err := js.Stream(ctx, natslog.LogStream)
	if err != nil {
		t.Fatal(err)
	}
	leader := stream.CachedInfo().Cluster.Leader
	var rest, gone *server.Server
	for _, s := range servers {
		if s.Name() == leader {
			gone = s
		} else {
			rest = s
		}
	}
	nc, err := nats.Connect(rest.ClientURL(), natslog.ConnectOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	log := open(t, client(t, nc), 4, natslog.Options{AppendTimeout: 500 * time.Millisecond})
	r, err := log.Open(ctx, eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	at := logtest.Fill(t, log, eventlog.Position{}, 20)[20]
	gone.Shutdown()
	for i := range 20 {
		b := logtest.Frame(at, fmt.Sprint("after-", i), 1)
		at = positionOf(t, at, appendUntilKnown(ctx, t, log, at, b), b)
	}
	read := 0
	for read < 40 {
		e, err := r.Next(ctx)
		switch {
		case errors.Is(err, eventlog.ErrUnavailable):
			continue
		case err != nil:
			t.Fatalf("behind frame %d: %v", read, err)
		}
		read++
		if e.Position.Index != uint64(read) {
			t.Fatalf("frame %d came as number %d", e.Position.Index, read)
		}
	}
	if err := log.Check(ctx); err != nil {
		t.Errorf("with two of three servers: %v", err)
	}
}
