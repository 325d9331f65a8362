package phone

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEventVocabulary holds the table complete: the 45 events, 33 of them with the P-codes P3701 to
// P3733 in order, and the twenty that make the state right.
func TestEventVocabulary(t *testing.T) {
	rows := Events()
	var essentials []string
	for i, row := range rows {
		wantCode := 0
		if i < 33 {
			wantCode = 3701 + i
		}
		if row.PCode != wantCode {
			t.Errorf("%s: P-code %d, want %d", row.Slug, row.PCode, wantCode)
		}
		if row.Slug == "" || row.Label == "" || row.Field == "" || row.Source == "" || len(row.Variables) == 0 {
			t.Errorf("row %d is not complete: %+v", i, row)
		}
		if row.Variables[0] != VarMAC {
			t.Errorf("%s does not tell first which phone it is of", row.Slug)
		}
		for j, v := range row.Variables {
			if (v == VarDisplayRemote || v == VarDisplayLocal) && j != len(row.Variables)-1 {
				t.Errorf("%s: free text before %s", row.Slug, row.Variables[j+1])
			}
		}
		if row.Essential {
			essentials = append(essentials, row.Slug)
		}
	}
	if len(rows) != 45 {
		t.Errorf("%d events, want 45", len(rows))
	}
	want := strings.Fields(`setup_completed registered unregistered register_failed off_hook on_hook incoming_call
		outgoing_call call_established call_terminated dnd_on dnd_off hold unhold mute unmute missed_call
		busy_to_idle forward_incoming_call reject_incoming_call`)
	if diff := cmp.Diff(want, essentials); diff != "" {
		t.Errorf("essential events (-want +got):\n%s", diff)
	}
}

// TestLookupEvent tries every name of every event in every spelling that is in use.
func TestLookupEvent(t *testing.T) {
	spellings := map[string]func(string) string{
		"as it is":   func(s string) string { return s },
		"upper case": strings.ToUpper,
		"hyphens":    func(s string) string { return strings.ReplaceAll(s, "_", "-") },
		"dots":       func(s string) string { return strings.ReplaceAll(s, "_", ".") },
		"together":   func(s string) string { return strings.NewReplacer("_", "", " ", "").Replace(s) },
		"old field":  func(s string) string { return "ActionUrl." + s },
		"new field":  func(s string) string { return "ActionUrl_" + s },
		"Yealink's":  func(s string) string { return "action_url." + s },
	}
	names := 0
	for _, row := range Events() {
		for _, name := range append([]string{row.Slug, row.Label, row.Field}, row.Aliases...) {
			for how, spell := range spellings {
				names++
				if got, ok := LookupEvent(spell(name)); !ok || got != row.Type {
					t.Errorf("%s %s (%q): got %s, want %s", name, how, spell(name), got, row.Type)
				}
			}
		}
	}
	t.Logf("%d names", names)
	for _, word := range []string{"", "incoming", "incoming_call_", "206", "call_ended", "phone_online", "incoming call?", "$mac"} {
		if got, ok := LookupEvent(word); ok && word != "incoming_call_" {
			t.Errorf("%q was taken for %s", word, got)
		}
	}
}

// TestAliases names the words that other sources use, one by one: the table could lose them unnoticed.
func TestAliases(t *testing.T) {
	want := map[string]EventType{
		"LogOn": Registered, "log_off": Unregistered, "OnfHook": OnHook, "Established": CallEstablished,
		"terminated": CallTerminated, "open_dnd": DNDOn, "CloseDND": DNDOff, "always_fwd_on": AlwaysForwardOn,
		"always_fwd_off": AlwaysForwardOff, "busy_fwd_on": BusyForwardOn, "busy_fwd_off": BusyForwardOff,
		"no_answer_fwd_on": NoAnswerForwardOn, "no_answer_fwd_off": NoAnswerForwardOff,
		"BlindTrandfercall": BlindTransfer, "blind_transfer_call": BlindTransfer, "attended_transfer_call": AttendedTransfer,
		"un_hold": Unhold, "un_mute": Unmute, "BusyToIdel": BusyToIdle, "reject_new_incoming_call": RejectIncomingCall,
		"TransfeFailed": TransferFailed, "ip_change": IPChanged, "AutopFinish": AutopFinished,
		"setup_autop_finish": AutopFinished, "headset": HeadsetPress, "handfree": HandsfreePress,
		"handsfree": HandsfreePress, "cancel_callout": CancelCallOut, "call_remote_cancelled": CallRemoteCanceled,
	}
	for word, event := range want {
		if got, ok := LookupEvent(word); !ok || got != event {
			t.Errorf("%s: got %q, want %s", word, got, event)
		}
	}
}

func TestEventTypeText(t *testing.T) {
	for typ := NoEvent; typ < eventTypes; typ++ {
		text, err := json.Marshal(typ)
		if err != nil {
			t.Fatal(err)
		}
		var back EventType
		if err := json.Unmarshal(text, &back); err != nil || back != typ {
			t.Errorf("%s came back as %s (%v)", text, back, err)
		}
	}
	var none EventType
	if err := none.UnmarshalText([]byte("no_such_event")); err == nil {
		t.Error("an unknown slug was read")
	}
	if got := EventType(200).String(); got != "" {
		t.Errorf("a type out of range calls itself %q", got)
	}
}

func TestNearestEvent(t *testing.T) {
	for word, want := range map[string]string{
		"incomming_call": "incoming_call", "call-establish": "call_established", "doorbell": "dnd_off",
		"OnHok": "on_hook", strings.Repeat("x", 10000): "ip_changed",
	} {
		got := NearestEvent(word)
		if _, known := LookupEvent(got); !known {
			t.Errorf("%.20q: %q is no event", word, got)
		}
		if len(word) < 100 && word != "doorbell" && got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}
