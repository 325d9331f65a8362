package phone

import "slices"

// Guard is what has to hold before a command is sent.
type Guard uint8

// The guards. A call is up when it is dialing, talking or on hold.
const (
	NoGuard      Guard = iota
	CallRings          // a call rings
	OnlyRings          // a call rings and none is up
	CallUp             // a call is up
	KeysNeedCall       // X, OK and ENTER only with a call; the others always
)

// Verdict is what a command's guard says of a phone in its present state.
type Verdict struct {
	Skip    bool   // it is already so, nothing is to be sent
	Refusal string // why it is not sent and what would be; empty when it may be sent
	Assumed bool   // it may be sent because nothing is known that speaks against it
}

// guardRow is a guard with the event that makes it one: a phone may have only some of its Action URLs
// set, and is judged only by what it would have told.
type guardRow struct {
	label  string
	after  EventType // judged once the phone has ever sent it; NoEvent: always
	refuse func(Command, State) string
}

var guards = map[Guard]guardRow{
	NoGuard:      {label: "none", refuse: func(Command, State) string { return "" }},
	CallRings:    {label: "a call rings", after: IncomingCall, refuse: refuseWithoutRinging},
	OnlyRings:    {label: "a call rings and no other is up", after: IncomingCall, refuse: refuseUnlessOnlyRinging},
	CallUp:       {label: "a call is up", after: CallEstablished, refuse: refuseWithoutCall},
	KeysNeedCall: {label: "X, OK and ENTER: not in idle", refuse: refuseKeysInIdle},
}

// String is the condition in words, for documents.
func (g Guard) String() string { return guards[g].label }

func refuseWithoutRinging(_ Command, s State) string {
	if s.Any(Ringing) {
		return ""
	}
	return "no call rings on this phone; send it while one does, or with force"
}

// refuseUnlessOnlyRinging: the phone is told to hang up, and takes that for the call that is up.
func refuseUnlessOnlyRinging(c Command, s State) string {
	if s.Up() {
		return "another call is up, and rejecting would end that one; end it with hangup first, or let the phone ring"
	}
	return refuseWithoutRinging(c, s)
}

func refuseWithoutCall(_ Command, s State) string {
	if s.Up() {
		return ""
	}
	return "no call is dialing, talking or on hold on this phone; send it during one, or with force"
}

// refuseKeysInIdle follows clause 2.2.2, notes 2 and 3: in idle X asks whether to reboot, OK and ENTER
// open the status page, and confirm that question.
func refuseKeysInIdle(c Command, s State) string {
	idle := s.CallState() == Idle
	for _, key := range []Key{keyX, keyOK, keyEnter} {
		if idle && slices.Contains(c.Keys, key) {
			return "the phone is idle, where the key " + string(key) + " leads to its reboot question or status page; " +
				"send it while a call rings or is up, or with force; to end a call use hangup"
		}
	}
	return ""
}

// Judge tells whether a command may be sent to a phone in this state. Of a sequence it is asked again
// before each request. Force passes a refusal, but never makes an ON into an OFF: what is already so
// is skipped all the same.
func (c Command) Judge(s State) Verdict {
	row := commandRows[c.Name]
	guard := guards[row.Guard]
	judged := guard.after == NoEvent || s.Heard.Has(guard.after)
	if refusal := guard.refuse(c, s); judged && !c.Force && refusal != "" {
		return Verdict{Refusal: refusal}
	}
	v := Verdict{Assumed: !judged && !c.Force}
	if row.position == nil {
		return v
	}
	position := row.position(s)
	switch {
	case row.toggles() && position != NotKnown && position == c.Want:
		return Verdict{Skip: true}
	case position == NotKnown && (row.toggles() || c.Want == NotKnown):
		v.Assumed = true
	}
	return v
}

// held is on when a call is on hold and none talks: one key holds and resumes.
func held(s State) Flag {
	switch {
	case s.Any(Talking):
		return Off
	case s.Any(OnHold):
		return On
	}
	return NotKnown
}

// muted is the position of the mute key: what the last mute event of this call said. Without
// one it is off if the phone tells of muting at all.
func muted(s State) Flag {
	switch {
	case s.MuteTold:
		return s.Muted
	case s.Heard.Has(Mute, Unmute):
		return Off
	}
	return NotKnown
}

// doNotDisturb is what the phone told of do-not-disturb.
func doNotDisturb(s State) Flag { return s.DND }
