package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// The histories of phones that guards judge by.
const (
	silent  = ""
	rang    = "incoming_call a, call_remote_canceled a"                                          // tells ringing, no answers
	talked  = "outgoing_call a, call_established a, call_terminated a"                           // tells answers, no ringing
	muting  = talked + ", mute, unmute"                                                          // tells muting too
	ringing = "incoming_call b"                                                                  // tells ringing; it rings
	talking = "incoming_call c, call_established c"                                              // tells both; it talks
	held    = talking + ", hold c"                                                               // on hold
	dialing = "outgoing_call d"                                                                  // tells neither; it dials
	knocked = talking + ", incoming_call e"                                                      // talks, and another rings
	both    = "incoming_call c, call_established c, hold c, outgoing_call f, call_established f" // one held, one talks
)

// guarded are commands to phones with a past.
var guarded = []struct {
	history, command, payload string
	want                      string
	assumed                   bool
	lines                     string
}{
	// answer and reject are judged once the phone has ever sent incoming_call.
	{silent, "answer", `{}`, "ok", true, "key=OK"},
	{talked, "answer", `{}`, "ok", true, "key=OK"},
	{rang, "answer", `{}`, "error guard", false, ""},
	{ringing, "answer", `{}`, "ok", false, "key=OK"},
	{knocked, "answer", `{}`, "ok", false, "key=OK"},
	{talking, "answer", `{}`, "error guard", false, ""},
	{rang, "answer", `{"force":true}`, "ok", false, "key=OK"},
	{rang, "answer", `{"force":false}`, "error guard", false, ""},
	{silent, "reject", `{}`, "ok", true, "Command=2"},
	{rang, "reject", `{}`, "error guard", false, ""},
	{ringing, "reject", `{}`, "ok", false, "Command=2"},
	{knocked, "reject", `{}`, "error guard", false, ""},
	{held + ", incoming_call e", "reject", `{}`, "error guard", false, ""},
	{dialing + ", incoming_call e", "reject", `{}`, "error guard", false, ""},
	{knocked, "reject", `{"force":true}`, "ok", false, "Command=2"},

	// hangup has no guard.
	{silent, "hangup", `{}`, "ok", false, "Command=2"},
	{rang + ", " + talked, "hangup", `{}`, "ok", false, "Command=2"},

	// hold and resume are judged once it has ever sent call_established.
	{silent, "hold", `{}`, "ok", true, "key=F_HOLD"},
	{rang, "hold", `{}`, "ok", true, "key=F_HOLD"},
	{talked, "hold", `{}`, "error guard", false, ""},
	{talking, "hold", `{}`, "ok", false, "key=F_HOLD"},
	{held, "hold", `{}`, "skipped", false, ""},
	{both, "hold", `{}`, "ok", false, "key=F_HOLD"},
	{talked + ", " + ringing, "hold", `{}`, "error guard", false, ""},
	{talked, "hold", `{"force":true}`, "ok", true, "key=F_HOLD"},
	{talked, "resume", `{}`, "error guard", false, ""},
	{talking, "resume", `{}`, "skipped", false, ""},
	{held, "resume", `{}`, "ok", false, "key=F_HOLD"},
	{both, "resume", `{}`, "skipped", false, ""},

	// mute: the last mute event of this call, else off if this phone ever told of muting.
	{silent, "mute", `ON`, "ok", true, "key=MUTE"},
	{talked, "mute", `ON`, "error guard", false, ""},
	{talking, "mute", `ON`, "ok", true, "key=MUTE"},
	{talking, "mute", `OFF`, "ok", true, "key=MUTE"},
	{talking, "mute", `TOGGLE`, "ok", true, "key=MUTE"},
	{talking + ", mute", "mute", `ON`, "skipped", false, ""},
	{talking + ", mute", "mute", `OFF`, "ok", false, "key=MUTE"},
	{talking + ", mute", "mute", `TOGGLE`, "ok", false, "key=MUTE"},
	{talking + ", mute, unmute", "mute", `OFF`, "skipped", false, ""},
	{talking + ", mute, unmute", "mute", `ON`, "ok", false, "key=MUTE"},
	{muting + ", " + talking, "mute", `OFF`, "skipped", false, ""},
	{muting + ", " + talking, "mute", `ON`, "ok", false, "key=MUTE"},
	{muting + ", " + talking, "mute", `TOGGLE`, "ok", false, "key=MUTE"},
	{talking + ", mute c, call_terminated c, " + talking, "mute", `OFF`, "skipped", false, ""},
	{talked + ", " + dialing, "mute", `ON`, "ok", true, "key=MUTE"},

	// dtmf and transfer.
	{silent, "dtmf", `1`, "ok", true, "key=1"},
	{talked, "dtmf", `1`, "error guard", false, ""},
	{talking, "dtmf", `1`, "ok", false, "key=1"},
	{held, "dtmf", `1`, "ok", false, "key=1"},
	{talked + ", " + dialing, "dtmf", `1`, "ok", false, "key=1"},
	{talked + ", " + ringing, "dtmf", `1`, "error guard", false, ""},
	{silent, "transfer", `{}`, "ok", true, "key=F_TRANSFER"},
	{talked, "transfer", `206`, "error guard", false, ""},
	{talking, "transfer", `{}`, "ok", false, "key=F_TRANSFER"},

	// dnd is absolute: nothing is assumed but the toggle of an unknown one.
	{silent, "dnd", `ON`, "ok", false, "key=DNDOn"},
	{silent, "dnd", `TOGGLE`, "ok", true, "key=DNDOn"},
	{"dnd_on", "dnd", `TOGGLE`, "ok", false, "key=DNDOff"},
	{"dnd_off", "dnd", `TOGGLE`, "ok", false, "key=DNDOn"},

	// key with X, OK and ENTER is always judged.
	{silent, "key", `OK`, "error guard", false, ""},
	{silent, "key", `X`, "error guard", false, ""},
	{silent, "key", `enter`, "error guard", false, ""},
	{silent, "key", `["1","OK"]`, "error guard", false, ""},
	{silent, "key", `["1","2"]`, "ok", false, "key=1 key=2"},
	{ringing, "key", `OK`, "ok", false, "key=OK"},
	{talking, "key", `X`, "ok", false, "key=X"},
	{dialing, "key", `X`, "ok", false, "key=X"},
	{silent, "key", `{"value":"X","force":true}`, "ok", false, "key=X"},

	// Nothing to do.
	{silent, "volume", `0`, "skipped", false, ""},
}

// TestGuards sends each command to a phone of its own that has told its history.
func TestGuards(t *testing.T) {
	var phones []*phonetest.Phone
	for _, mac := range macs(len(guarded)) {
		phones = append(phones, startPhone(t, phoneOptions(mac)))
	}
	s := startScene(t, window(0), phones...)
	for i, tt := range guarded {
		t.Run(tt.command+" "+tt.payload+" after "+tt.history, func(t *testing.T) {
			p := phones[i]
			for step := range strings.SplitSeq(tt.history, ", ") {
				if event, id, _ := strings.Cut(step, " "); event != "" {
					s.tell(t, p.MAC(), event, "call_id="+id)
				}
			}
			result := s.do(t, p.MAC(), tt.command, tt.payload)
			if got := outcome(result); got != tt.want {
				t.Errorf("result is %s, want %s: %s", got, tt.want, result.payload)
			}
			if got := result.member("assumed") == "true"; got != tt.assumed {
				t.Errorf("assumed is %v, want %v", got, tt.assumed)
			}
			if diff := cmp.Diff(append([]string{}, strings.Fields(tt.lines)...), lines(p)); diff != "" {
				t.Errorf("what the phone got (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardInSequence ends the call while digits are pressed: the rest is not sent.
func TestGuardInSequence(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions(vendor))
	hold(p)
	s := startScene(t, nil, p)
	s.tell(t, vendor, "incoming_call", "call_id=a1")
	s.tell(t, vendor, "call_established", "call_id=a1")
	s.order(t, vendor, "dtmf", "123456")
	holdAt(t, p, 2)
	s.tell(t, vendor, "call_terminated", "call_id=a1")
	letGo(p)
	result := s.result(t, vendor, 1)
	if outcome(result) != "error guard" || result.member("sent") != "2" || !strings.Contains(result.text("error"), "key=3") {
		t.Errorf("result: %s, want a guard after two keys", result.payload)
	}
	if diff := cmp.Diff([]string{"key=1", "key=2"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
}
