// Package metrics is what Prometheus is told of the program: events, commands and calls as they are
// counted, broker, store and phones as they stand when it asks.
//
// It promises names and labels by Prometheus' conventions, a help text for each, and sets of label
// values that nobody outside can widen: never a number or a name of a caller, never a phone, never a
// word that somebody sent. It keeps to a registry of its own, asks for nothing between two scrapes, and
// nothing that it counts with blocks.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// unknown stands for every label value that is none of ours, and for what no event told.
const unknown = "unknown"

// loginCode is that of a command whose login the phone refused.
const loginCode = "login"

// Config says whose metrics they are. The functions are called at each scrape.
type Config struct {
	Version  string
	StoreMax int64 // bytes that waiting messages may take
	Status   func() mqtt.Status
	Phones   func() (available, unavailable int)
}

// Metrics counts, and shows its counts with those of Go and of the process. It is the [bridge.Meter].
// Its methods may be called at the same time.
type Metrics struct {
	registry *prometheus.Registry
	known    map[string]bool // command names

	events   *prometheus.CounterVec
	repeats  prometheus.Counter
	refusals *prometheus.CounterVec
	calls    *prometheus.CounterVec
	commands *prometheus.CounterVec
	publish  prometheus.Histogram
	request  prometheus.Histogram
}

var _ bridge.Meter = (*Metrics)(nil)

// New returns metrics that have counted nothing yet. Status and Phones are not called before the first
// scrape.
func New(cfg Config) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		known:    make(map[string]bool),

		events:   counters("events_total", "Action URL requests by event (none: not understood or not looked at) and HTTP status of the answer.", "event", "answer"),
		repeats:  prometheus.NewCounter(prometheus.CounterOpts(name("event_repeats_total", "Events that repeated the last one of their phone and changed nothing."))),
		refusals: counters("refusals_total", "Action URL requests that were refused, by reason.", "reason"),
		calls:    counters("calls_total", "Calls that ended, by direction and by the result known then.", "direction", "result"),
		commands: counters("commands_total", "Commands by name (unknown: no such command) and by result: ok, skipped, or the code of the error.", "command", "code"),
		publish: histogram("publish_duration_seconds", "Time from publishing an event or a result to the broker's acknowledgement.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}),
		request: histogram("phone_request_duration_seconds", "Time from connecting to a phone to the end of its answer, or of the waiting for one.", prometheus.DefBuckets),
	}
	// An alert on an increase misses the first one of a series that appears with it.
	for _, row := range phone.Commands() {
		m.known[row.Name] = true
		if !(phone.Command{Name: row.Name}).IsOurs() {
			m.commands.WithLabelValues(row.Name, loginCode)
		}
	}
	for _, reason := range bridge.Reasons() {
		m.refusals.WithLabelValues(string(reason))
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts(name("build_info", "Always 1; the labels tell what is running.")), []string{"version", "goversion"})
	build.WithLabelValues(cfg.Version, runtime.Version()).Set(1)
	m.registry.MustRegister(m.events, m.repeats, m.refusals, m.calls, m.commands, m.publish, m.request, build,
		newStanding(cfg), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers with all metrics, as text. Those who ask at once share the work.
func (m *Metrics) Handler() http.Handler {
	return newScrapes(m.registry)
}

// EventAnswered counts an Action URL request.
func (m *Metrics) EventAnswered(a bridge.Answer) {
	event := a.Event.String()
	if event == "" {
		event = "none"
	}
	m.events.WithLabelValues(event, strconv.Itoa(a.Status)).Inc()
	if a.Repeat {
		m.repeats.Inc()
	}
	if a.Reason != "" {
		m.refusals.WithLabelValues(string(a.Reason)).Inc()
	}
}

// CallEnded counts a call.
func (m *Metrics) CallEnded(direction phone.Direction, result phone.Result) {
	if direction == "" {
		direction = unknown
	}
	m.calls.WithLabelValues(string(direction), string(result)).Inc()
}

// CommandAnswered counts a command. A name that is no command's counts as unknown.
func (m *Metrics) CommandAnswered(command, code string) {
	if !m.known[command] {
		command = unknown
	}
	m.commands.WithLabelValues(command, code).Inc()
}

// PhoneRequested notes the length of a request to a phone.
func (m *Metrics) PhoneRequested(length time.Duration) { m.request.Observe(length.Seconds()) }

// Published notes the age at which the broker acknowledged a message, see [mqtt.Config].
func (m *Metrics) Published(age time.Duration) { m.publish.Observe(age.Seconds()) }

// name puts the program before a metric's name.
func name(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "phone2mqtt", Name: name, Help: help}
}

func counters(metric, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(name(metric, help)), labels)
}

func histogram(metric, help string, buckets []float64) prometheus.Histogram {
	opts := name(metric, help)
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: opts.Namespace, Name: opts.Name, Help: opts.Help, Buckets: buckets})
}
