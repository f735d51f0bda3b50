// Package linearizability lets clients collide on few users and groups through
// two ingress processes, of which one is killed now and then, and has porcupine
// look for an order of what they saw that one directory, doing one thing at a
// time, could have shown: between the call and the answer of each operation,
// every one takes effect at once.
//
// An operation without an answer may have happened at any time after its call,
// or not at all. What must not live here: durability and delivery (test/soak),
// single races with known outcomes (test/e2e).
package linearizability_test

import (
	"os"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
