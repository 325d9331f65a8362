package nodered

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// TestNodeRED imports all examples into one Node-RED, as somebody does who wants all of them, and lives
// with them for a while.
func TestNodeRED(t *testing.T) {
	h := newHouse(t)
	t.Run("core nodes only", h.testCoreNodes)
	t.Run("dashboard", h.testDashboard)
	t.Run("call log", h.testCallLog)
	t.Run("missed call", h.testMissedCall)
	t.Run("click to dial", h.testClickToDial)
	t.Run("click to dial while phone2mqtt is away", h.testDialTimeOut)
	t.Run("do not disturb by time", h.testDND)
	t.Run("restart of Node-RED", h.testRestart)
	if complaints := h.complaints(t); complaints != "" {
		t.Errorf("Node-RED warns:\n%s", complaints)
	}
}

// testCoreNodes holds the list of types to what this Node-RED brings along.
func (h *house) testCoreNodes(t *testing.T) {
	status, text := h.get(t, "/nodes", "Accept", "application/json")
	var sets []struct {
		Module string
		Types  []string
	}
	if err := json.Unmarshal([]byte(text), &sets); err != nil {
		t.Fatalf("%d: %v", status, err)
	}
	core := []string{"tab"}
	for _, set := range sets {
		if set.Module == "node-red" {
			core = append(core, set.Types...)
		}
	}
	for _, kind := range coreTypes {
		if !slices.Contains(core, kind) {
			t.Errorf("%s is no type of Node-RED's own: %q", kind, core)
		}
	}
}

var missedAtKitchen = regexp.MustCompile(`^<b>Bob</b>, 202, \d{1,2}:\d\d:\d\d`)

func (h *house) testMissedCall(t *testing.T) {
	before := len(h.messenger.all())
	begin := h.here(t)
	h.miss(t, h.office, h.kitchen)
	missed, _, err := h.observer.Await(t.Context(), begin, "the missed call", isEvent("missed_call"))
	must(t, err)
	// A repeat is no second message.
	must(t, stand.Done(h.observer.Publish(missed.Topic, 1, false, missed.Payload)))
	h.miss(t, h.kitchen, h.office)
	h.talk(t, h.office, h.kitchen)
	eventually(t, "two messages are sent", func() bool { return len(h.messenger.all())-before >= 2 })
	got := h.messenger.all()[before:]
	if !missedAtKitchen.MatchString(got[0].Message) {
		t.Errorf("the message is %q, want %s", got[0].Message, missedAtKitchen)
	}
	for i := range got {
		got[i].Message = ""
	}
	want := []message{{Title: "Missed call at Kitchen", Number: "202"}, {Title: "Missed call at Office", Number: "201"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// dndClock is the node that switches do not disturb "on" or "off".
func (h *house) dndClock(name string) node { return h.flows.find("phone2mqtt-dnd-by-time-" + name) }

// testDND moves the two times to a moment from now, as somebody does who wants others.
func (h *house) testDND(t *testing.T) {
	for _, name := range []string{"on", "off"} {
		daily := regexp.MustCompile(`^\d\d? \d\d? \* \* \*$`)
		if at := h.dndClock(name).text("crontab"); !daily.MatchString(at) {
			t.Errorf("%s: %q is no time of every day", name, at)
		}
	}
	notSwitched := func() int { return strings.Count(h.nodeRED.Output(), "[debug:not switched]") }
	var kitchen, office, before int
	// Times that have passed when they are deployed are tomorrow's: then others are.
	for lead := 5 * time.Second; ; lead *= 2 {
		on := h.deployDND(t, lead)
		// What the times before may have set off has come to its end when both phones have dialled after it.
		for _, p := range []*phonetest.Phone{h.kitchen, h.office} {
			h.dial(t, "application/json", fmt.Sprintf(`{"number": "206", "phone": %q}`, p.MAC()))
		}
		kitchen, office, before = len(h.kitchen.Requests()), len(h.office.Requests()), notSwitched()
		if time.Now().Before(on) {
			break
		}
	}
	for _, p := range []struct {
		*phonetest.Phone
		before int
	}{{h.kitchen, kitchen}, {h.office, office}} {
		awaitRequests(t, p.Phone, p.before+2)
		if diff := cmp.Diff([]string{"key=DNDOn", "key=DNDOff"}, asked(p.Phone, p.before)); diff != "" {
			t.Errorf("phone %s was asked (-want +got):\n%s", p.MAC(), diff)
		}
	}
	// The third phone of the list does not exist.
	eventually(t, "Node-RED tells of the phone that was not switched", func() bool {
		return notSwitched()-before == 2
	})
}

// deployDND deploys times of which the first is so far ahead, and returns it.
func (h *house) deployDND(t *testing.T, lead time.Duration) (on time.Time) {
	t.Helper()
	on = time.Now().Add(lead).Truncate(time.Second)
	for name, at := range map[string]time.Time{"on": on.In(wall), "off": on.In(wall).Add(2 * time.Second)} {
		h.dndClock(name)["crontab"] = fmt.Sprintf("%d %d %d * * *", at.Second(), at.Minute(), at.Hour())
	}
	text, err := json.Marshal(h.flows)
	must(t, err)
	started := func() int { return strings.Count(h.nodeRED.Output(), "Started modified nodes") }
	before := started()
	if status, answer := h.post(t, "/flows", "application/json", string(text), "Node-RED-Deployment-Type", "nodes"); status != http.StatusNoContent {
		t.Fatalf("deploying is answered %d: %s", status, answer)
	}
	// It answers before it starts them.
	eventually(t, "Node-RED starts the two nodes", func() bool { return started() > before })
	return on
}

// testRestart: calls that end meanwhile are logged, and nothing else happens because of it.
func (h *house) testRestart(t *testing.T) {
	messages := len(h.messenger.all())
	kitchen, office := len(h.kitchen.Requests()), len(h.office.Requests())
	h.nodeRED.Stop()
	h.miss(t, h.office, h.kitchen)
	h.talk(t, h.kitchen, h.office)
	h.startNodeRED(t)
	h.awaitPage(t, row{"idle", "Kitchen", "idle", "", "", h.missed(t, h.kitchen)}, row{"idle", "Office", "idle", "", "", h.missed(t, h.office)})
	h.awaitLog(t)

	// What comes now comes after everything that the restart could have set off.
	h.miss(t, h.kitchen, h.office)
	eventually(t, "a message is sent", func() bool { return len(h.messenger.all()) > messages })
	if got := h.dial(t, "application/json", `{"number": "209"}`); got.Status != http.StatusOK {
		t.Errorf("dialling after the restart: %+v", got)
	}
	h.awaitLog(t)
	got := h.messenger.all()[messages:]
	if len(got) != 1 || got[0].Title != "Missed call at Office" {
		t.Errorf("messages after the restart: %q, want one of the call that came after it", got)
	}
	if diff := cmp.Diff([]string{"Command=1&Number=209"}, asked(h.kitchen, kitchen)); diff != "" {
		t.Errorf("the kitchen phone was asked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string(nil), asked(h.office, office)); diff != "" {
		t.Errorf("the office phone was asked (-want +got):\n%s", diff)
	}
}
