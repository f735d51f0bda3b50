package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/replica"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// round is how long each contender runs before the next has its turn.
const round = 2 * time.Second

// userBody is what a provider sends for a usual user.
func userBody(n int64) []byte {
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"externalId":"00u%010d","userName":"user%d@bench.example","name":{"givenName":"Given%d","familyName":"Family","formatted":"Given%d Family"},
"displayName":"Given%d Family","title":"Engineer","locale":"en-US","timezone":"Europe/Berlin","active":true,"password":"not kept",
"emails":[{"value":"user%d@bench.example","type":"work","primary":true},{"value":"user%d@home.example","type":"home"}],
"phoneNumbers":[{"value":"+1-202-555-0100","type":"work"}],
"addresses":[{"type":"work","streetAddress":"1 Main Street","locality":"Springfield","region":"IL","postalCode":"62701","country":"US"}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%d","department":"Engineering","division":"R&D","costCenter":"4711"}}`,
		n, n, n, n, n, n, n, n)
}

// server starts an embedded server that syncs every message.
func server(tb testing.TB) jetstream.JetStream {
	tb.Helper()
	s, err := embedded.Start(tb.Context(), embedded.Options{Dir: tb.TempDir(), StoreLimit: 16 << 30, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	nc, err := s.Connect(natslog.ConnectOptions()...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		tb.Fatal(err)
	}
	if err := natslog.Ensure(tb.Context(), js, natslog.Config{Sizes: natslog.Shares(16 << 30)}); err != nil {
		tb.Fatal(err)
	}
	return js
}

// installation is a committer with directories that take writes.
type installation struct {
	js        jetstream.JetStream
	committer *commit.Committer
	replica   *replica.Replica
	scopes    []directory.Scope
	next      atomic.Int64
}

func install(tb testing.TB, directories int) *installation {
	tb.Helper()
	js := server(tb)
	log, err := natslog.Open(tb.Context(), js, 0, natslog.Options{Sole: true})
	if err != nil {
		tb.Fatal(err)
	}
	r, err := replica.Open(tb.Context(), filepath.Join(tb.TempDir(), "replica.db"), log, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	c := commit.New(log, r, commit.Config{Sole: true})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		<-done
		_ = r.Close()
	})
	in := &installation{js: js, committer: c, replica: r}
	org := in.must(tb, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "Bench"}}).(*directory.Organization).ID
	in.must(tb, directory.CreateDomain{Organization: org, Domain: "bench.example"})
	for range directories {
		dir := in.must(tb, directory.CreateDirectory{Organization: org, Kind: "SCIM"}).(*directory.Directory).ID
		s := credential.New(credential.PrefixSCIM)
		in.must(tb, directory.CreateDirectorySecret{Organization: org, Directory: dir, Hash: s.Hash, Suffix: s.Suffix})
		in.must(tb, directory.EnableDirectory{Organization: org, Directory: dir})
		in.scopes = append(in.scopes, directory.Scope{Organization: org, Directory: dir, SecretHash: s.Hash})
	}
	return in
}

func (in *installation) must(tb testing.TB, c directory.Command) directory.Row {
	tb.Helper()
	res, err := in.submit(c)
	if err != nil {
		tb.Fatal(err)
	}
	return res.Row
}

func (in *installation) submit(c directory.Command) (commit.Result, error) {
	return in.committer.Submit(context.Background(), directory.Request{ID: fmt.Sprintf("%032d", in.next.Add(1)), Actor: "scim:bench", Command: c})
}

// command makes a new user's creation, parsed as the edge would.
func (in *installation) command(tb testing.TB) directory.Command {
	n := in.next.Add(1)
	res, err := scim.ParseUser(nil, schema.User, userBody(n))
	if err != nil {
		tb.Fatal(err)
	}
	state, err := directory.UserStateOf(res)
	if err != nil {
		tb.Fatal(err)
	}
	return directory.CreateUser{Scope: in.scopes[n%int64(len(in.scopes))], State: state}
}

// clients runs f in n goroutines until the round ends and returns calls per
// second.
func clients(n int, f func() bool) float64 {
	var count atomic.Int64
	var wg sync.WaitGroup
	started := time.Now()
	for range n {
		wg.Go(func() {
			for time.Since(started) < round && f() {
				count.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(count.Load()) / time.Since(started).Seconds()
}

// clientsUntilDone runs f in n goroutines until it says false.
func clientsUntilDone(n int, f func() bool) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for f() {
			}
		})
	}
	wg.Wait()
}

// BenchmarkCommitter measures group commits with decision and fold against
// messages that are only published: x-ready-made is the part of the rate of
// unconditional, pipelined appends of ready-made 64-event frames that is left;
// x-one-by-one is how many times a conditional publish per command it is.
// Goals: 0.3 and 12 with 64 waiting commands, 0.5 and 20 with 256.
func BenchmarkCommitter(b *testing.B) {
	for _, waiting := range []int{64, 256} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			in := install(b, 100)
			raw, naive := server(b), server(b)
			ready := readyMade(b, in, 64)
			one := readyMade(b, in, 1)
			var ours, theirs, single, group []float64
			for b.Loop() {
				pool := commands(b, in, 60_000)
				var at atomic.Int64
				before := in.replica.At()
				ours = append(ours, clients(waiting, func() bool {
					i := at.Add(1)
					if i >= int64(len(pool)) {
						return false
					}
					if _, err := in.submit(pool[i]); err != nil {
						b.Error(err)
						return false
					}
					return true
				}))
				after := in.replica.At()
				group = append(group, float64(after.Ordinal-before.Ordinal)/float64(after.Index-before.Index))
				theirs = append(theirs, 64*pipelined(b, raw, ready))
				single = append(single, conditional(b, naive, one))
			}
			rate := median(ours)
			b.ReportMetric(rate, "commits/s")
			b.ReportMetric(median(group), "commits/frame")
			b.ReportMetric(rate/median(theirs), "x-ready-made")
			b.ReportMetric(rate/median(single), "x-one-by-one")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// commands parses users ahead, outside the measured part: parsing is the edge's
// work and measured by BenchmarkSCIM.
func commands(b *testing.B, in *installation, n int) []directory.Command {
	b.Helper()
	out := make([]directory.Command, n)
	for i := range out {
		out[i] = in.command(b)
	}
	return out
}

// readyMade encodes a frame of n creations.
func readyMade(b *testing.B, in *installation, n int) []byte {
	b.Helper()
	var commits []byte
	for i := range n {
		c := in.command(b).(directory.CreateUser)
		payload, err := json.Marshal(events.UserCreated{UserState: c.State})
		if err != nil {
			b.Fatal(err)
		}
		commits = frame.AppendCommit(commits, frame.Commit{Command: fmt.Sprintf("%032d", i), Events: []events.Event{{
			Type: events.TypeUserCreated, ID: uint64(i + 1), At: time.Now(), Actor: "scim:bench", Organization: "org_100000000000000001",
			Directory: "dir_100000000000000001", Resource: "diruser_100000000000000001", Revision: 1, Payload: payload,
		}}})
	}
	return frame.Assemble(frame.Header{Index: 1}, n, commits)
}

// pipelined publishes without expectation and without waiting, as fast as it
// goes, and returns messages per second.
func pipelined(b *testing.B, js jetstream.JetStream, msg []byte) float64 {
	b.Helper()
	started := time.Now()
	n := 0
	var acks []jetstream.PubAckFuture
	for time.Since(started) < round {
		f, err := js.PublishAsync(natslog.Subject(0), msg)
		if err != nil {
			b.Fatal(err)
		}
		if acks = append(acks, f); len(acks) == 256 {
			<-acks[0].Ok()
			acks = acks[1:]
			n++
		}
	}
	for _, f := range acks {
		<-f.Ok()
		n++
	}
	return float64(n) / time.Since(started).Seconds()
}

// conditional publishes one command a message, each expecting the one before:
// what a writer without group commit does.
func conditional(b *testing.B, js jetstream.JetStream, msg []byte) float64 {
	b.Helper()
	stream, err := js.Stream(b.Context(), natslog.LogStream)
	if err != nil {
		b.Fatal(err)
	}
	last := stream.CachedInfo().State.LastSeq
	started := time.Now()
	n := 0
	for ; time.Since(started) < round; n++ {
		ack, err := js.PublishMsg(b.Context(), &nats.Msg{Subject: natslog.Subject(0), Data: msg}, jetstream.WithExpectLastSequencePerSubject(last))
		if err != nil {
			b.Fatal(err)
		}
		last = ack.Sequence
	}
	return float64(n) / time.Since(started).Seconds()
}
