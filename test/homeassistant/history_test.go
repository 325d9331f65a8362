package homeassistant

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
)

// change is a state that Home Assistant wrote down.
type change struct {
	EntityID string `json:"entity_id"`
	New      *state `json:"new_state"` // nil: it is gone
}

// called is an action that an automation or somebody called.
type called struct {
	Domain, Service string
	Data            map[string]any `json:"service_data"`
}

// fired is an event of the type that our own automations fire.
const fired = "phone2mqtt_test"

// history is what happened in Home Assistant, in all of its runs that were listened to.
type history struct {
	mu      sync.Mutex
	changes []change
	calls   []called
	fired   []string
}

// listen has what happens from now on written down.
func (h *house) listen(t *testing.T) {
	t.Helper()
	h.ws = h.connect(t)
	for kind, receive := range map[string]func(json.RawMessage){
		"state_changed": func(data json.RawMessage) { keep(&h.history.mu, &h.history.changes, data) },
		"call_service":  func(data json.RawMessage) { keep(&h.history.mu, &h.history.calls, data) },
		fired: func(data json.RawMessage) {
			var event struct{ Trigger string }
			if json.Unmarshal(data, &event) == nil {
				h.history.mu.Lock()
				defer h.history.mu.Unlock()
				h.history.fired = append(h.history.fired, event.Trigger)
			}
		},
	} {
		h.ws.subscribe(t, "subscribe_events", map[string]any{"event_type": kind}, func(text json.RawMessage) {
			var event struct{ Data json.RawMessage }
			if json.Unmarshal(text, &event) == nil {
				receive(event.Data)
			}
		})
	}
}

func keep[V any](mu *sync.Mutex, all *[]V, text json.RawMessage) {
	var v V
	if json.Unmarshal(text, &v) != nil {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	*all = append(*all, v)
}

// shownBy are the states that an entity had, in order.
func (h *house) shownBy(entity string) []state {
	h.history.mu.Lock()
	defer h.history.mu.Unlock()
	var states []state
	for _, c := range h.history.changes {
		if c.EntityID == entity && c.New != nil {
			states = append(states, *c.New)
		}
	}
	return states
}

// calls are the actions that were called, from the n-th on.
func (h *house) calls(n int) []called {
	h.history.mu.Lock()
	defer h.history.mu.Unlock()
	return slices.Clone(h.history.calls[n:])
}

// triggered are the triggers that fired.
func (h *house) triggered() []string {
	h.history.mu.Lock()
	defer h.history.mu.Unlock()
	return slices.Clone(h.history.fired)
}
