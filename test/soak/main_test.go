// Package soak kills Rollcall's processes under load, for as long as
// ROLLCALL_SOAK says (a minute if unset), and then compares what was promised
// with what is there: in the log, in the read model, in EVENTS and at a
// receiver.
//
// What must not live here: tests of single behaviours (test/e2e), measuring
// (test/bench), and how processes are run (test/harness).
package soak_test

import (
	"os"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// duration is how long load and kills go on.
func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("ROLLCALL_SOAK")
	if text == "" {
		if testing.Short() {
			t.Skip("-short")
		}
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("ROLLCALL_SOAK=%q is no duration such as 30m", text)
	}
	return d
}
