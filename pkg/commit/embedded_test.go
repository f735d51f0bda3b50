package commit_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

// TestJetStream runs two owners on a real log: each name is taken once, and
// both replicas end as the log says.
func TestJetStream(t *testing.T) {
	t.Parallel()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := natslog.Ensure(t.Context(), js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(t.Context(), js, 0, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := own(t, log, nil)
	s := first.prepare(t)
	owners := []*owner{first, own(t, log, nil)}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 10 {
				c := user(s, fmt.Sprintf("u%d", i))
				if a := <-owners[n%2].async(t.Context(), fmt.Sprintf("u%d by %d", i, n), c); a.err != nil && fault.KindOf(a.err) != fault.Conflict {
					t.Errorf("u%d by %d is refused: %v", i, n, a.err)
				}
			}
		})
	}
	wg.Wait()
	h := read(t, log)
	won := 0
	for id, n := range h.commands {
		if id[0] == 'u' {
			won += n
		}
	}
	if won != 10 {
		t.Errorf("10 names are taken %d times", won)
	}
	for _, o := range owners {
		o.agree(t, h)
	}
}
