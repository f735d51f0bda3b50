// Package e2e tests the binary from outside, as its operators, identity
// providers and receivers meet it: real processes, real HTTP, real files.
//
// What must not live here: kills under load (test/soak), containers
// (test/container), and how processes are run (test/harness).
package e2e_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// soon bounds the wait for what takes milliseconds on an idle machine.
const soon = time.Minute

func sortByID(ds []harness.Delivery) {
	slices.SortFunc(ds, func(a, b harness.Delivery) int { return strings.Compare(a.ID, b.ID) })
}
