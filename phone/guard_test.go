package phone

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func heard(types ...EventType) EventSet {
	var set EventSet
	for _, t := range types {
		set |= 1 << t
	}
	return set
}

// inState is a phone that tells of its calls, with calls in these states.
func inState(states ...CallState) State {
	s := State{Heard: heard(IncomingCall, CallEstablished)}
	for _, state := range states {
		s.Calls = append(s.Calls, Call{State: state})
	}
	return s
}

const (
	refusedNoRing = "no call rings on this phone; send it while one does, or with force"
	refusedUp     = "another call is up, and rejecting would end that one; end it with hangup first, or let the phone ring"
	refusedNoCall = "no call is dialing, talking or on hold on this phone; send it during one, or with force"
)

func refusedKey(key string) string {
	return "the phone is idle, where the key " + key + " leads to its reboot question or status page; " +
		"send it while a call rings or is up, or with force; to end a call use hangup"
}

// The calls that a phone may have, and what each guarded command is told then. What stands first is
// the verdict, second the one with force.
func TestJudge(t *testing.T) {
	may, skip := Verdict{}, Verdict{Skip: true}
	assumed := Verdict{Assumed: true}
	no := func(refusal string) Verdict { return Verdict{Refusal: refusal} }
	both := func(v Verdict) [2]Verdict { return [2]Verdict{v, v} }
	unless := func(refusal string, forced Verdict) [2]Verdict { return [2]Verdict{no(refusal), forced} }

	states := []State{
		inState(), inState(Ringing), inState(Dialing), inState(Talking), inState(OnHold),
		inState(Talking, Ringing), inState(OnHold, Ringing), inState(Talking, OnHold), inState(Dialing, OnHold),
	}
	tests := []struct {
		name, payload string
		want          [9][2]Verdict // in the order of states
	}{
		{"answer", "PRESS", [9][2]Verdict{
			unless(refusedNoRing, may), both(may), unless(refusedNoRing, may), unless(refusedNoRing, may), unless(refusedNoRing, may),
			both(may), both(may), unless(refusedNoRing, may), unless(refusedNoRing, may),
		}},
		{"reject", "PRESS", [9][2]Verdict{
			unless(refusedNoRing, may), both(may), unless(refusedUp, may), unless(refusedUp, may), unless(refusedUp, may),
			unless(refusedUp, may), unless(refusedUp, may), unless(refusedUp, may), unless(refusedUp, may),
		}},
		{"hold", "PRESS", [9][2]Verdict{
			unless(refusedNoCall, assumed), unless(refusedNoCall, assumed), both(assumed), both(may), both(skip),
			both(may), both(skip), both(may), both(skip),
		}},
		{"resume", "PRESS", [9][2]Verdict{
			unless(refusedNoCall, assumed), unless(refusedNoCall, assumed), both(assumed), both(skip), both(may),
			both(skip), both(may), both(skip), both(may),
		}},
		{"mute", "ON", [9][2]Verdict{
			unless(refusedNoCall, assumed), unless(refusedNoCall, assumed), both(assumed), both(assumed), both(assumed),
			both(assumed), both(assumed), both(assumed), both(assumed),
		}},
		{"dtmf", "1", [9][2]Verdict{
			unless(refusedNoCall, may), unless(refusedNoCall, may), both(may), both(may), both(may),
			both(may), both(may), both(may), both(may),
		}},
		{"transfer", "20", [9][2]Verdict{
			unless(refusedNoCall, may), unless(refusedNoCall, may), both(may), both(may), both(may),
			both(may), both(may), both(may), both(may),
		}},
		{"key", `["1","X"]`, [9][2]Verdict{
			unless(refusedKey("X"), may), both(may), both(may), both(may), both(may), both(may), both(may), both(may), both(may),
		}},
	}
	for _, tt := range tests {
		for i, state := range states {
			for f, force := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s force=%t %v", tt.name, force, state.Calls), func(t *testing.T) {
					c, err := ParseCommand(tt.name, []byte(tt.payload))
					if err != nil {
						t.Fatal(err)
					}
					c.Force = force
					if diff := cmp.Diff(tt.want[i][f], c.Judge(state)); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				})
			}
		}
	}
}

// A phone is judged only by events that it is known to send.
func TestJudgeWithoutEvents(t *testing.T) {
	silent := map[string]State{
		"CallRings": {Heard: heard(CallEstablished, OutgoingCall)},
		"CallUp":    {Heard: heard(IncomingCall, OutgoingCall, CallTerminated)},
	}
	for name, guard := range map[string]string{
		"answer": "CallRings", "reject": "CallRings",
		"hold": "CallUp", "resume": "CallUp", "mute": "CallUp", "dtmf": "CallUp", "transfer": "CallUp",
	} {
		payload := map[string]string{"mute": "ON", "dtmf": "1", "transfer": "20"}[name]
		c, err := ParseCommand(name, []byte(payload+map[bool]string{true: "PRESS"}[payload == ""]))
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range []State{{}, silent[guard]} {
			if got, want := c.Judge(state), (Verdict{Assumed: true}); got != want {
				t.Errorf("%s, having heard %b: %+v, want %+v", name, state.Heard, got, want)
			}
		}
		c.Force = true
		forced := Verdict{Assumed: commandRows[name].position != nil}
		if got := c.Judge(State{}); got != forced {
			t.Errorf("%s with force: %+v, want %+v", name, got, forced)
		}
		c.Force = false
		heardBoth := State{Heard: heard(IncomingCall, CallEstablished)}
		if got := c.Judge(heardBoth); got.Refusal == "" {
			t.Errorf("%s in idle, having heard of calls: %+v, want a refusal", name, got)
		}
	}
}

// X, OK and ENTER are dangerous in idle, whatever the phone tells of itself.
func TestJudgeKeys(t *testing.T) {
	for _, row := range Keys() {
		for _, key := range row.Keys() {
			c, err := ParseCommand("key", []byte(key))
			if err != nil {
				t.Fatal(err)
			}
			want := Verdict{}
			if key == "X" || key == "OK" || key == "ENTER" {
				want.Refusal = refusedKey(string(key))
			}
			if got := c.Judge(State{}); got != want {
				t.Errorf("key %s on an unknown phone: %+v, want %+v", key, got, want)
			}
			if got := c.Judge(inState()); got != want {
				t.Errorf("key %s on an idle phone: %+v, want %+v", key, got, want)
			}
			if got := c.Judge(inState(Ringing)); got != (Verdict{}) {
				t.Errorf("key %s while it rings: %+v", key, got)
			}
		}
	}
}

func TestJudgeMute(t *testing.T) {
	may, skip, assumed := Verdict{}, Verdict{Skip: true}, Verdict{Assumed: true}
	told := func(muted Flag) State {
		s := inState(Talking)
		s.Heard |= heard(Mute)
		s.Muted, s.MuteTold = muted, true
		return s
	}
	earlier := inState(Talking)
	earlier.Heard |= heard(Unmute)
	earlier.Muted = Off
	never := inState(Talking)
	never.Muted = Off

	tests := []struct {
		name            string
		state           State
		on, off, toggle Verdict
	}{
		{"told muted", told(On), skip, may, may},
		{"told unmuted", told(Off), may, skip, may},
		{"told in an earlier call", earlier, may, skip, may},
		{"never told", never, assumed, assumed, assumed},
	}
	for _, tt := range tests {
		for payload, want := range map[string]Verdict{"ON": tt.on, "OFF": tt.off, "TOGGLE": tt.toggle} {
			for _, force := range []bool{false, true} {
				c, err := ParseCommand("mute", []byte(payload))
				if err != nil {
					t.Fatal(err)
				}
				c.Force = force
				if got := c.Judge(tt.state); got != want {
					t.Errorf("%s, mute %s, force %t: %+v, want %+v", tt.name, payload, force, got, want)
				}
			}
		}
	}
}

func TestJudgeDND(t *testing.T) {
	for _, tt := range []struct {
		payload string
		dnd     Flag
		want    Verdict
	}{
		{"ON", On, Verdict{}}, {"ON", Off, Verdict{}}, {"ON", NotKnown, Verdict{}},
		{"OFF", On, Verdict{}}, {"OFF", Off, Verdict{}}, {"OFF", NotKnown, Verdict{}},
		{"TOGGLE", On, Verdict{}}, {"TOGGLE", Off, Verdict{}}, {"TOGGLE", NotKnown, Verdict{Assumed: true}},
	} {
		c, err := ParseCommand("dnd", []byte(tt.payload))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Judge(State{DND: tt.dnd}); got != tt.want {
			t.Errorf("dnd %s at %d: %+v, want %+v", tt.payload, tt.dnd, got, tt.want)
		}
	}
}

func TestUnguarded(t *testing.T) {
	for name, payload := range map[string]string{
		"dial": "206", "hangup": "PRESS", "speaker": "PRESS", "headset": "PRESS", "conference": "PRESS", "message": "PRESS", "redial": "PRESS",
		"volume": "1", "line": "1", "dss": "1", "soft": "1", "reboot": "PRESS", "autoprovision": "PRESS", "clear_missed": "PRESS",
	} {
		c, err := ParseCommand(name, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range []State{{}, inState(), inState(Ringing), inState(Talking)} {
			if got := c.Judge(state); got != (Verdict{}) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}
