package nodered

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// reply is what click to dial answers.
type reply struct {
	Status                int
	Command, Result, Code string
}

// dial asks click to dial, and hangs up at both phones.
func (h *house) dial(t *testing.T, contentType, body string) reply {
	t.Helper()
	status, answer := h.post(t, "/phone/dial", contentType, body)
	var result struct{ Command, Status, Code, Transaction string }
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		t.Fatalf("answer %q: %v", answer, err)
	}
	h.kitchen.HangUp()
	h.office.HangUp()
	return reply{status, result.Command, result.Status, result.Code}
}

func (h *house) testClickToDial(t *testing.T) {
	kitchen, office := len(h.kitchen.Requests()), len(h.office.Requests())
	h.press(t, "phone2mqtt-click-to-dial-button")
	awaitRequests(t, h.kitchen, kitchen+1)
	h.kitchen.HangUp()

	const asJSON = "application/json"
	ok := reply{http.StatusOK, "dial", "ok", ""}
	bad := reply{Status: http.StatusBadRequest}
	for _, c := range []struct {
		contentType, body string
		want              reply
	}{
		{asJSON, `{"number": "+49 (0)30 1234"}`, ok},
		{asJSON, `{"number": "203", "phone": "00:1F:C1:1A:8B:6D"}`, ok},
		{asJSON, `{"number": 204, "phone": "001fc11a8b6d"}`, ok},
		{asJSON, `{"number": "206", "phone": "001fc1000099"}`, reply{http.StatusBadGateway, "dial", "error", "phone"}},
		{asJSON, `{"number": "not a number"}`, reply{http.StatusBadGateway, "dial", "error", "argument"}},
		{asJSON, `{"phone": "001fc11a8b6d"}`, bad},
		{asJSON, `{"number": "206", "phone": "001fc11a8b6d/set/reboot#"}`, bad},
		{"application/x-www-form-urlencoded", "number=206", bad},
		{"text/plain", `{"number": "206"}`, bad},
	} {
		if diff := cmp.Diff(c.want, h.dial(t, c.contentType, c.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.body, diff)
		}
	}
	if diff := cmp.Diff([]string{"Command=1&Number=206", "Command=1&Number=+49301234"}, asked(h.kitchen, kitchen)); diff != "" {
		t.Errorf("the kitchen phone was asked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Command=1&Number=203", "Command=1&Number=204"}, asked(h.office, office)); diff != "" {
		t.Errorf("the office phone was asked (-want +got):\n%s", diff)
	}
}

// testDialTimeOut: what nobody took is answered, and is not dialled when phone2mqtt is back.
func (h *house) testDialTimeOut(t *testing.T) {
	before := len(h.kitchen.Requests())
	h.daemon.Stop()
	eventually(t, "the page says that it may be old", func() bool {
		_, page := h.get(t, "/phones")
		return strings.Contains(page, "not connected")
	})
	// The result of somebody else's command is not the one that is waited for.
	begin, published := h.here(t), make(chan error, 1)
	go func() {
		command, _, err := h.observer.Await(t.Context(), begin, "the command", func(m stand.Message) bool {
			return strings.HasSuffix(m.Topic, "/set/dial")
		})
		result := strings.Replace(command.Topic, "/set/dial", "/result", 1)
		published <- errors.Join(err, stand.Done(h.observer.Publish(result, 1, false, `{"transaction":"another","command":"dial","status":"ok"}`)))
	}()
	const number = `{"number": "206"}`
	if diff := cmp.Diff(reply{Status: http.StatusGatewayTimeout}, h.dial(t, "application/json", number)); diff != "" {
		t.Errorf("without phone2mqtt (-want +got):\n%s", diff)
	}
	must(t, <-published)
	h.startDaemon(t, h.daemon.Intake)
	if diff := cmp.Diff(reply{http.StatusOK, "dial", "ok", ""}, h.dial(t, "application/json", number)); diff != "" {
		t.Errorf("with phone2mqtt again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Command=1&Number=206"}, asked(h.kitchen, before)); diff != "" {
		t.Errorf("the phone was asked (-want +got):\n%s", diff)
	}
}
