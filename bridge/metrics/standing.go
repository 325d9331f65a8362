package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
)

// standing collects what is looked at rather than counted, with one look for each scrape, so that its
// figures fit together.
type standing struct {
	cfg    Config
	rows   []standingRow
	phones *prometheus.Desc
}

// standingRow is one metric of the mqtt client.
type standingRow struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(mqtt.Status) float64
}

func newStanding(cfg Config) *standing {
	s := &standing{cfg: cfg, phones: desc("phones", "Known phones by availability.", "availability")}
	gauge := func(metric, help string, value func(mqtt.Status) float64) {
		s.rows = append(s.rows, standingRow{desc(metric, help), prometheus.GaugeValue, value})
	}
	counter := func(metric, help string, value func(mqtt.Status) float64) {
		s.rows = append(s.rows, standingRow{desc(metric, help), prometheus.CounterValue, value})
	}
	gauge("store_waiting_messages", "Events that the broker has not acknowledged yet.", func(s mqtt.Status) float64 { return float64(s.Waiting) })
	gauge("store_waiting_bytes", "Size of the events that the broker has not acknowledged yet.", func(s mqtt.Status) float64 { return float64(s.WaitingBytes) })
	gauge("store_max_bytes", "Most that waiting events may take (STORE_MAX).", func(mqtt.Status) float64 { return float64(cfg.StoreMax) })
	gauge("oldest_waiting_seconds", "Age of the oldest waiting event; 0 when none waits.", func(s mqtt.Status) float64 { return age(s.OldestWaiting) })
	gauge("mqtt_connected", "1 while a session with the broker is up.", func(s mqtt.Status) float64 { return flag(s.Connected) })
	gauge("mqtt_verified", "1 when our own online came back in this session: the broker lets us write and read.", func(s mqtt.Status) float64 { return flag(s.Verified) })
	counter("mqtt_reconnects_total", "Sessions with the broker after the first one.", func(s mqtt.Status) float64 { return float64(s.Reconnects) })
	counter("messages_set_aside_total", "Messages set aside because the broker ended the session on them, or because the store gave them back damaged.", func(s mqtt.Status) float64 { return float64(s.SetAside) })
	counter("store_damages_total", "Times that the store was found damaged; the log says what became of it.", func(s mqtt.Status) float64 { return float64(s.Damages) })
	counter("messages_lost_total", "Messages that the damaged store did not give back, as far as that is known.", func(s mqtt.Status) float64 { return float64(s.Lost) })
	counter("messages_dropped_total", "Messages given up: results too old, and events that the store had refused.", func(s mqtt.Status) float64 { return float64(s.Dropped) })
	return s
}

// Describe names what Collect gives.
func (s *standing) Describe(descs chan<- *prometheus.Desc) {
	for _, row := range s.rows {
		descs <- row.desc
	}
	descs <- s.phones
}

// Collect takes the look.
func (s *standing) Collect(metrics chan<- prometheus.Metric) {
	status := s.cfg.Status()
	for _, row := range s.rows {
		metrics <- prometheus.MustNewConstMetric(row.desc, row.kind, row.value(status))
	}
	available, unavailable := s.cfg.Phones()
	metrics <- prometheus.MustNewConstMetric(s.phones, prometheus.GaugeValue, float64(available), "online")
	metrics <- prometheus.MustNewConstMetric(s.phones, prometheus.GaugeValue, float64(unavailable), "offline")
}

func desc(metric, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("phone2mqtt_"+metric, help, labels, nil)
}

// age is how long ago a time was, in seconds. A clock that was set back makes no age below zero.
func age(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, time.Since(at).Seconds())
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
