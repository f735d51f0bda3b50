// Package differential compares the filter and PATCH engines (pkg/scim/filter,
// pkg/scim/patch) with second, deliberately simple ones on random input.
//
// The simple ones are written from RFC 7643, RFC 7644 and the leniency that the
// project promises (deployments/docs), not from the engines: they share no code
// with pkg/scim, work on plain JSON, know the attributes from a table of their
// own, and trade speed for being read at a glance. Where the two differ, one of
// them is wrong, and a person decides which.
//
// What must not live here: expectations about single inputs, which belong next
// to the engines, and anything about HTTP.
package differential_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"
)

const (
	// cases is how many inputs a comparison draws, a fifth of it with -short.
	cases = 120_000
	// workers share the cases of one comparison.
	workers = 2
	// fixedSeed makes every run of CI the same. SEED=<number> picks another one.
	fixedSeed = 20260301
)

// run calls f for each of n cases, each with a source of randomness of its own, so
// that a failure is repeated by the seed and the number of its case alone:
//
//	SEED=7 CASE=1234 go test -run TestFilter ./test/differential
func run(t *testing.T, n uint64, f func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	seed := number(t, "SEED", fixedSeed)
	if testing.Short() {
		n /= 5
	}
	if one := number(t, "CASE", 0); one > 0 {
		f(t, rand.New(rand.NewPCG(seed, one)))
		return
	}
	t.Logf("SEED=%d, %d cases", seed, n)
	var all sync.WaitGroup
	for w := range uint64(workers) {
		all.Go(func() {
			for c := 1 + w; c <= n && !t.Failed(); c += workers {
				f(t, rand.New(rand.NewPCG(seed, c)))
				if t.Failed() {
					t.Logf("repeat it with SEED=%d CASE=%d", seed, c)
				}
			}
		})
	}
	all.Wait()
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is no number", name, s)
	}
	return n
}

// TestMain lets garbage wait: everything here is.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// pretty is JSON for people.
func pretty(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
