package bridge

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type counters struct {
	forwarded, skipped, failed atomic.Uint64
	took                       atomic.Int64
}

// Stats is what a bridge did since it started.
type Stats struct {
	// Forwarded events were confirmed by the broker, Skipped ones were not wanted;
	// Failed counts attempts.
	Forwarded, Skipped, Failed uint64
	// Took is the time of all confirmed ones together.
	Took time.Duration
}

// Stats returns the counters as of now.
func (b *Bridge) Stats() Stats {
	return Stats{
		Forwarded: b.stats.forwarded.Load(), Skipped: b.stats.skipped.Load(), Failed: b.stats.failed.Load(),
		Took: time.Duration(b.stats.took.Load()),
	}
}

// Waiting returns how many events of the stream are not forwarded or passed over
// yet.
func (b *Bridge) Waiting(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	info, err := b.consumer.Info(ctx)
	if err != nil {
		return 0, err
	}
	return info.NumPending + uint64(info.NumAckPending), nil //nolint:gosec // a count
}

var (
	descEvents  = prometheus.NewDesc("rollcall_bridge_events_total", "Events by what became of them: forwarded (confirmed by the broker), skipped (not wanted).", []string{"bridge", "result"}, nil)
	descFailed  = prometheus.NewDesc("rollcall_bridge_failures_total", "Attempts that the broker did not confirm.", []string{"bridge"}, nil)
	descSeconds = prometheus.NewDesc("rollcall_bridge_confirm_seconds_total", "Time until the broker confirmed, of all forwarded events together.", []string{"bridge"}, nil)
	descWaiting = prometheus.NewDesc("rollcall_bridge_waiting", "Events of the stream that are neither forwarded nor skipped yet.", []string{"bridge"}, nil)
	descFailing = prometheus.NewDesc("rollcall_bridge_failing", "1 while the broker does not take events.", []string{"bridge"}, nil)
)

type metrics struct{ b *Bridge }

// Register adds the bridge's metrics.
func (b *Bridge) Register(r prometheus.Registerer) { r.MustRegister(metrics{b}) }

// Describe implements prometheus.Collector.
func (metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descEvents, descFailed, descSeconds, descWaiting, descFailing} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	s, name := m.b.Stats(), m.b.cfg.Name
	ch <- prometheus.MustNewConstMetric(descEvents, prometheus.CounterValue, float64(s.Forwarded), name, "forwarded")
	ch <- prometheus.MustNewConstMetric(descEvents, prometheus.CounterValue, float64(s.Skipped), name, "skipped")
	ch <- prometheus.MustNewConstMetric(descFailed, prometheus.CounterValue, float64(s.Failed), name)
	ch <- prometheus.MustNewConstMetric(descSeconds, prometheus.CounterValue, s.Took.Seconds(), name)
	if n, err := m.b.Waiting(context.Background()); err == nil {
		ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(n), name)
	}
	failing := 0.0
	if m.b.failing.Load() {
		failing = 1
	}
	ch <- prometheus.MustNewConstMetric(descFailing, prometheus.GaugeValue, failing, name)
}
