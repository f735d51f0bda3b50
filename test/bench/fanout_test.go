package bench_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/projector"
	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	// defaultFanout is how many members the group has whose role changes, unless
	// ROLLCALL_FANOUT says otherwise: 50000 is what the goals are about.
	defaultFanout = 3000
	// besidePerSecond is how many users another directory creates a second
	// meanwhile.
	besidePerSecond = 50
)

// BenchmarkFanout gives all members of a group another role while another
// directory goes on. answer-ms is how long the call took, told-s how long until
// every user_updated was in EVENTS, users/s the same as a rate. scim-p99-ms is
// the time to the answer of the other directory's creates meanwhile, p50-ms and
// p99-ms from when they are sent until EVENTS has them; x-scim-p99, x-p50 and
// x-p99 set these against five seconds before the change. It fails if anybody is
// told twice or not at all, or if progress does not show the whole of it.
func BenchmarkFanout(b *testing.B) {
	s := newFanout(b, size(b, "ROLLCALL_FANOUT", defaultFanout))
	for round := 0; b.Loop(); round++ {
		before := s.beside(b, nil, 5*time.Second)

		told, done := make(chan struct{}), make(chan beside, 1)
		s.expect(told)
		go func() { done <- s.beside(b, told, time.Hour) }()
		started := time.Now()
		s.must(b, directory.AssignRoles{Organization: s.org, Directory: s.large.Directory, Assignments: []directory.Assignment{
			{Group: s.group, Role: fmt.Sprint("role_", round%2)},
		}})
		answered := time.Since(started)
		select {
		case <-told:
		case <-time.After(30 * time.Minute):
			b.Fatal("not everybody is told")
		}
		took := time.Since(started)
		during := <-done
		s.check(b)

		b.ReportMetric(float64(answered.Microseconds())/1000, "answer-ms")
		b.ReportMetric(took.Seconds(), "told-s")
		b.ReportMetric(float64(s.users)/took.Seconds(), "users/s")
		b.ReportMetric(percentile(during.answers, 0.99), "scim-p99-ms")
		b.ReportMetric(percentile(during.told, 0.5), "p50-ms")
		b.ReportMetric(percentile(during.told, 0.99), "p99-ms")
		b.ReportMetric(percentile(during.answers, 0.99)/percentile(before.answers, 0.99), "x-scim-p99")
		b.ReportMetric(percentile(during.told, 0.5)/percentile(before.told, 0.5), "x-p50")
		b.ReportMetric(percentile(during.told, 0.99)/percentile(before.told, 0.99), "x-p99")
	}
	b.ReportMetric(0, "ns/op")
}

// fanout is a stack with a large group in one directory, and another directory.
type fanout struct {
	*stack
	large *harness.Tenant
	group string
	users int
	http  *http.Client

	mu      sync.Mutex
	arrived map[string]time.Time // when EVENTS had the creation, by userName
	heard   map[string]int       // how often EVENTS tells of a member, by id
	all     chan struct{}        // closed when it tells of everybody
}

// beside is what the other directory saw: how long each create took to its
// answer, and to EVENTS.
type beside struct{ answers, told []time.Duration }

func newFanout(b *testing.B, users int) *fanout {
	b.Helper()
	s := &fanout{stack: newReadingStack(b, 1), users: users, http: browser(64), arrived: map[string]time.Time{}, heard: map[string]int{}}
	for i := range 2 {
		s.must(b, directory.CreateRole{Name: fmt.Sprint("role_", i), DisplayName: "Role"})
	}
	id := s.must(b, directory.CreateDirectory{Organization: s.org, Kind: "SCIM"}).(*directory.Directory).ID
	c := credential.New(credential.PrefixSCIM)
	s.must(b, directory.CreateDirectorySecret{Organization: s.org, Directory: id, Hash: c.Hash, Suffix: c.Suffix})
	s.must(b, directory.EnableDirectory{Organization: s.org, Directory: id})
	s.large = &harness.Tenant{Organization: s.org, Directory: id, Domain: "bench.example"}
	l := &loader{b: b, in: s.ingress}
	s.group = l.group(s.large, "Everybody", l.users(s.large, users))
	s.settle(b)
	s.follow(b)
	return s
}

// follow notes what comes into EVENTS from here on.
func (s *fanout) follow(b *testing.B) {
	b.Helper()
	other := path.Base(strings.TrimSuffix(s.dirs[0].url, "/scim/v2"))
	stream, err := s.js.Stream(b.Context(), natslog.EventsStream)
	check(b, err)
	consumer, err := stream.OrderedConsumer(b.Context(), jetstream.OrderedConsumerConfig{
		DeliverPolicy:  jetstream.DeliverNewPolicy,
		FilterSubjects: []string{projector.Subject(s.org, s.large.Directory, public.UserUpdated), projector.Subject(s.org, other, public.UserCreated)},
	})
	check(b, err)
	following, err := consumer.Consume(func(m jetstream.Msg) {
		now := time.Now()
		var e struct {
			Type public.Type `json:"type"`
			Data struct {
				ID       string `json:"id"`
				UserName string `json:"preferred_username"`
			} `json:"data"`
		}
		if err := json.Unmarshal(m.Data(), &e); err != nil {
			b.Errorf("an event cannot be read: %v", err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.Type == public.UserCreated {
			s.arrived[e.Data.UserName] = now
			return
		}
		if s.heard[e.Data.ID]++; len(s.heard) == s.users && s.all != nil {
			close(s.all)
			s.all = nil
		}
	})
	check(b, err)
	b.Cleanup(following.Stop)
}

// expect has told closed when EVENTS tells of everybody.
func (s *fanout) expect(told chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard, s.all = map[string]int{}, told
}

// beside creates users in the other directory until done is closed or the time
// is over, and waits until EVENTS has them.
func (s *fanout) beside(b *testing.B, done <-chan struct{}, long time.Duration) (saw beside) {
	type write struct {
		user string
		sent time.Time
		took time.Duration
	}
	var (
		mu     sync.Mutex
		writes []write
		wg     sync.WaitGroup
	)
	tick, end := time.NewTicker(time.Second/besidePerSecond), time.After(long)
	defer tick.Stop()
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-end:
			going = false
		case <-tick.C:
			wg.Go(func() {
				n := s.next.Add(1)
				w := write{user: fmt.Sprintf("user%d@bench.example", n), sent: time.Now()}
				if err := post(s.http, s.dirs[0], userBody(n)); err != nil {
					b.Error(err)
					return
				}
				w.took = time.Since(w.sent)
				mu.Lock()
				defer mu.Unlock()
				writes = append(writes, w)
			})
		}
	}
	wg.Wait()
	if err := harness.Poll(b.Context(), 10*time.Minute, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, w := range writes {
			if s.arrived[w.user].IsZero() {
				return fmt.Errorf("%s is missing", w.user)
			}
		}
		return nil
	}); err != nil {
		b.Error(err)
		return saw
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		saw.answers, saw.told = append(saw.answers, w.took), append(saw.told, s.arrived[w.user].Sub(w.sent))
	}
	return saw
}

// check holds that everybody was told once and that the job says so.
func (s *fanout) check(b *testing.B) {
	b.Helper()
	s.settle(b)
	s.mu.Lock()
	for id, n := range s.heard {
		if n != 1 {
			b.Errorf("of %s EVENTS tells %d times", id, n)
		}
	}
	s.mu.Unlock()
	if s.users <= directory.FanoutBatch {
		return // no job
	}
	check(b, harness.Poll(b.Context(), time.Minute, func() error {
		var last *directory.FanoutProgress
		err := s.projector.Read(b.Context(), func(v directory.View) error {
			return v.ScanBack(directory.Make(directory.TableProgress, s.large.Directory), "", func(_ directory.Key, r directory.Row) bool {
				last = r.(*directory.FanoutProgress)
				return false
			})
		})
		if err == nil && (last == nil || last.Status != directory.ProgressFinished || last.Done != uint64(s.users) || last.Total != uint64(s.users)) {
			err = fmt.Errorf("the job is %+v", last)
		}
		return err
	}))
}
