package delivery

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics shows a worker's Stats.
type metrics struct{ w *Worker }

var (
	descAttempts  = prometheus.NewDesc("rollcall_delivery_attempts_total", "Attempts whose outcome is recorded, by outcome: delivered, failed (there is another to come), dead.", []string{"outcome"}, nil)
	descInFlight  = prometheus.NewDesc("rollcall_delivery_attempts_in_flight", "Attempts under way.", nil, nil)
	descEndpoints = prometheus.NewDesc("rollcall_delivery_endpoints", "Endpoints that this worker delivers to, by state: all, open (circuit), lagging (reading for themselves).", []string{"state"}, nil)
	descWaiting   = prometheus.NewDesc("rollcall_delivery_waiting", "Deliveries that wait for an attempt; what is still only in the stream is not counted.", nil, nil)
	descDead      = prometheus.NewDesc("rollcall_delivery_dead_letters", "Dead letters that are kept.", nil, nil)
	descSkipped   = prometheus.NewDesc("rollcall_delivery_skipped_events_total", "Events that had left the stream before an endpoint's turn.", nil, nil)
	descEarly     = prometheus.NewDesc("rollcall_delivery_early_events_total", "Events that were offered to endpoints while still on their way to the stream.", nil, nil)
	descPosition  = prometheus.NewDesc("rollcall_delivery_position", "Sequence in EVENTS up to which the endpoints that keep up were served.", nil, nil)
	descSlot      = prometheus.NewDesc("rollcall_delivery_slot_held", "1 for each slot that this worker holds.", []string{"slot"}, nil)
	descWorkers   = prometheus.NewDesc("rollcall_delivery_workers", "Workers that share the slots, as seen by this one; 1 if it is alone.", nil, nil)
)

// Register adds the worker's metrics.
func (w *Worker) Register(r prometheus.Registerer) { r.MustRegister(metrics{w}) }

// Describe implements prometheus.Collector.
func (m metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descAttempts, descInFlight, descEndpoints, descWaiting, descDead, descSkipped, descEarly, descPosition, descSlot, descWorkers} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.w.Stats()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	level := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	count(descAttempts, s.Delivered, "delivered")
	count(descAttempts, s.Failed, "failed")
	count(descAttempts, s.Dead, "dead")
	level(descInFlight, s.InFlight)
	level(descEndpoints, s.Endpoints, "all")
	level(descEndpoints, s.Open, "open")
	level(descEndpoints, s.Lagging, "lagging")
	level(descWaiting, s.Waiting)
	level(descDead, s.DeadLetters)
	count(descSkipped, s.Skipped)
	count(descEarly, s.Early)
	ch <- prometheus.MustNewConstMetric(descPosition, prometheus.GaugeValue, float64(s.Position))
	for _, n := range s.Slots {
		level(descSlot, 1, strconv.Itoa(n))
	}
	level(descWorkers, max(1, len(m.w.Members())))
}
