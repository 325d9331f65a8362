package nodered

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// isEvent tells the messages of an event, fresh ones.
func isEvent(slug string) func(stand.Message) bool {
	return func(m stand.Message) bool {
		return strings.HasSuffix(m.Topic, "/event") && strings.Contains(string(m.Payload), fmt.Sprintf(`"event_type":%q`, slug))
	}
}

// here is how much was said so far: a place in what the observer keeps.
func (h *house) here(t *testing.T) int {
	t.Helper()
	messages, err := h.observer.Messages()
	must(t, err)
	return len(messages)
}

// awaitEvents waits for that many of an event, from a place on.
func (h *house) awaitEvents(t *testing.T, from int, slug string, n int) {
	t.Helper()
	for range n {
		var err error
		_, from, err = h.observer.Await(t.Context(), from, slug, isEvent(slug))
		must(t, err)
	}
}

// talk is a call that is answered and lasts for more than a second.
func (h *house) talk(t *testing.T, from, to *phonetest.Phone) {
	t.Helper()
	begin := h.here(t)
	if !from.Dial(to.Number()) || !to.Answer() {
		t.Fatal("the phones are not free")
	}
	h.awaitEvents(t, begin, "call_established", 2)
	must(t, stand.Pause(t.Context(), 1100*time.Millisecond))
	from.HangUp()
	h.awaitEvents(t, begin, "call_ended", 2)
}

// miss is a call that nobody answers.
func (h *house) miss(t *testing.T, from, to *phonetest.Phone) {
	t.Helper()
	begin := h.here(t)
	if !from.Dial(to.Number()) {
		t.Fatal("the phone is not free")
	}
	h.awaitEvents(t, begin, "incoming_call", 1)
	from.HangUp()
	h.awaitEvents(t, begin, "call_ended", 2)
	h.awaitEvents(t, begin, "missed_call", 1)
}

// asked are the Action URIs that a phone got from a place on.
func asked(p *phonetest.Phone, from int) []string {
	var uris []string
	for _, r := range p.Requests()[from:] {
		uri := strings.TrimPrefix(r.Line, "GET /Phone_ActionURL&")
		uris = append(uris, strings.TrimSuffix(uri, " HTTP/1.1"))
	}
	return uris
}

func awaitRequests(t *testing.T, p *phonetest.Phone, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stand.Patience)
	defer cancel()
	_, err := p.AwaitRequests(ctx, n)
	must(t, err)
}
