package scimhttp

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// Metrics count what providers send that is not as it should be. A nil one
// counts nothing.
type Metrics struct {
	refused, deviations *prometheus.CounterVec
	unknown             prometheus.Counter
}

// NewMetrics registers the counters. Their labels come from fixed tables: no
// client can make them grow.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_scim_refused_total", Help: "Authenticated SCIM requests that were refused, by cause.",
		}, []string{"cause"}),
		deviations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_scim_deviations_total", Help: "Deviations from the RFCs in SCIM requests that were tolerated, by cause.",
		}, []string{"cause"}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rollcall_scim_unauthenticated_total", Help: "SCIM requests without a valid secret.",
		}),
	}
	r.MustRegister(m.refused, m.deviations, m.unknown)
	return m
}

func (m *Metrics) unauthenticated() {
	if m != nil {
		m.unknown.Inc()
	}
}

func (m *Metrics) count(e *synclog.Entry) {
	if m == nil {
		return
	}
	if e.Refused() {
		m.refused.WithLabelValues(e.Cause).Inc()
	}
	for _, d := range e.Deviations {
		m.deviations.WithLabelValues(d.Cause).Inc()
	}
}
