package nodered

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// row is one line of the page.
type row struct{ Class, Phone, State, With, DND, Missed string }

var rowOnPage = regexp.MustCompile(`<tr class="([^"]*)"><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td></tr>`)

// awaitPage waits until the dashboard shows these rows.
func (h *house) awaitPage(t *testing.T, want ...row) {
	t.Helper()
	var diff string
	err := stand.Eventually(t.Context(), "the page is right", func() bool {
		var got []row
		_, page := h.get(t, "/phones")
		for _, match := range rowOnPage.FindAllStringSubmatch(page, -1) {
			got = append(got, row{match[1], match[2], match[3], match[4], match[5], match[6]})
		}
		diff = cmp.Diff(want, got)
		return diff == "" && !strings.Contains(page, "not connected")
	})
	if err != nil {
		t.Fatalf("%v (-want +page):\n%s", err, diff)
	}
}

func (h *house) testDashboard(t *testing.T) {
	idle := []row{{"idle", "Kitchen", "idle", "", "", ""}, {"idle", "Office", "idle", "", "", ""}}
	h.awaitPage(t, idle...)
	h.office.Dial(h.kitchen.Number())
	// What a caller calls himself is text, never markup.
	h.awaitPage(t,
		row{"ringing", "Kitchen", "ringing", "&lt;b&gt;Bob&lt;&#x2F;b&gt;, 202", "", ""},
		row{"dialing", "Office", "dialing", "201", "", ""})
	h.kitchen.HangUp()
	h.awaitPage(t, idle...)

	// A phone that was removed leaves the page.
	for _, payload := range []string{`{"name":"Cellar","call_state":"idle"}`, ""} {
		must(t, stand.Done(h.observer.Publish("phone2mqtt/001fc1000009/state", 1, true, payload)))
		must(t, stand.Done(h.observer.Publish("phone2mqtt/001fc1000009/availability", 1, true, strings.Repeat("offline", min(1, len(payload))))))
		if payload != "" {
			h.awaitPage(t, append([]row{{"offline", "Cellar", "offline", "", "", ""}}, idle...)...)
		}
	}
	h.awaitPage(t, idle...)
}

// missed is the number of missed calls as the page shows it.
func (h *house) missed(t *testing.T, p *phonetest.Phone) string {
	t.Helper()
	messages, err := h.observer.Messages()
	must(t, err)
	for _, m := range slices.Backward(messages) {
		if m.Topic != "phone2mqtt/"+string(p.MAC())+"/state" {
			continue
		}
		var state struct {
			Missed int `json:"missed_calls"`
		}
		must(t, json.Unmarshal(m.Payload, &state))
		if state.Missed > 0 {
			return strconv.Itoa(state.Missed)
		}
		break
	}
	return ""
}
