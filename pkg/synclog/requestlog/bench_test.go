package requestlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/synclog"
	"github.com/rollcallhq/rollcall/pkg/synclog/requestlog"
)

// BenchmarkScan finds the entries of one cause among 100,000 by reading the
// stream: what a listing would cost without synclog/history.
func BenchmarkScan(b *testing.B) {
	js := open(b)
	if err := natslog.Ensure(b.Context(), js, natslog.Config{}); err != nil { // without bounds
		b.Fatal(err)
	}
	const messages, each = 2_000, 50
	for m := range messages {
		batch := synclog.Batch{Organization: "org_1", Directory: "dir_1"}
		for i := range each {
			n := m*each + i
			batch.Entries = append(batch.Entries, synclog.Entry{
				At: time.Unix(int64(n), 0), Method: "PATCH", Endpoint: "Users", Resource: fmt.Sprint("diruser_", n), Status: 200,
				Deviations: []synclog.Deviation{{Cause: fmt.Sprint("cause_", n%20), Path: "active"}}, Body: fmt.Sprintf(`{"pad":"%0500d"}`, n), Count: 1,
			})
		}
		data, err := synclog.Encode(batch)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := js.Publish(b.Context(), synclog.Subject("org_1", "dir_1"), data); err != nil {
			b.Fatal(err)
		}
	}
	l := requestlog.New(js)
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		found := 0
		err := l.Follow(ctx, 0, func(s synclog.Stored) error {
			for _, e := range s.Batch.Entries {
				if e.Deviations[0].Cause == "cause_7" {
					found++
				}
			}
			if s.Seq == messages {
				return errEnough
			}
			return nil
		})
		cancel()
		if !errors.Is(err, errEnough) || found != messages*each/20 {
			b.Fatalf("found %d: %v", found, err)
		}
	}
}
