package stand

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// startBroker starts mosquitto, or skips the test; TEST_REQUIRE makes that a failure.
func startBroker(t *testing.T, addr string) Broker {
	t.Helper()
	b, err := StartBroker(context.Background(), t.TempDir(), addr)
	if errors.Is(err, ErrNoMosquitto) && !Required("mosquitto") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

func record(t *testing.T, b Broker, filter string) *Recorder {
	t.Helper()
	r, err := Record(b.Addr, filter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Disconnect(0) })
	return r
}

func publish(t *testing.T, r *Recorder, topic string, retained bool, payload string) {
	t.Helper()
	if err := Done(r.Publish(topic, 1, retained, payload)); err != nil {
		t.Fatal(err)
	}
}

func on(topic string) func(Message) bool { return func(m Message) bool { return m.Topic == topic } }

func TestRecorder(t *testing.T) {
	b := startBroker(t, "")
	early := record(t, b, "#")
	publish(t, early, "a/kept", true, "1")
	publish(t, early, "b/other", false, "2")
	publish(t, early, "a/kept", true, "3")
	_, next, err := early.Await(t.Context(), 0, "the first", on("a/kept"))
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := early.Await(t.Context(), next, "the second", on("a/kept"))
	if err != nil || string(m.Payload) != "3" || m.Retained {
		t.Errorf("got %+v, %v, want 3, as it was published", m, err)
	}

	late := record(t, b, "a/#")
	m, _, err = late.Await(t.Context(), 0, "what was kept", on("a/kept"))
	if err != nil || string(m.Payload) != "3" || !m.Retained {
		t.Errorf("got %+v, %v, want 3, as it was kept", m, err)
	}
	got, err := late.Messages()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a/kept"}, topics(got)); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
}

func topics(messages []Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Topic)
	}
	return all
}

// TestRecorderTellsOfALostSession: what did not come may have been missed.
func TestRecorderTellsOfALostSession(t *testing.T) {
	b := startBroker(t, "")
	r := record(t, b, "#")
	publish(t, r, "a/topic", false, "1")
	if _, _, err := r.Await(t.Context(), 0, "the message", on("a/topic")); err != nil {
		t.Fatal(err)
	}
	b.Kill()
	_, _, err := r.Await(t.Context(), 0, "another message", on("b/topic"))
	if err == nil || !strings.Contains(err.Error(), "lost its session") || !strings.Contains(err.Error(), "a/topic 1") {
		t.Errorf("got %v, want that the session was lost, and what came before", err)
	}
}

// TestBrokerAgain: a broker starts again where it was, and has forgotten everything.
func TestBrokerAgain(t *testing.T) {
	b := startBroker(t, "")
	publish(t, record(t, b, "nothing"), "a/kept", true, "1")
	b.Stop()
	again := startBroker(t, b.Addr)
	if again.Addr != b.Addr {
		t.Fatalf("it listens at %s, not at %s", again.Addr, b.Addr)
	}
	r := record(t, again, "a/#")
	publish(t, r, "a/marker", false, "2")
	if _, _, err := r.Await(t.Context(), 0, "the marker", on("a/marker")); err != nil {
		t.Fatal(err)
	}
	got, err := r.Messages()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a/marker"}, topics(got)); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
}
