package bench_test

import (
	"slices"
	"time"
)

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// percentile returns a part of the sorted values in milliseconds.
func percentile(took []time.Duration, p float64) float64 {
	slices.Sort(took)
	return float64(took[min(len(took)-1, int(p*float64(len(took))))].Microseconds()) / 1000
}
