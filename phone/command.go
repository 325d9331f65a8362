package phone

import (
	"encoding/json"
	"slices"
	"time"
)

// Command is one command of a user, understood. Make one with [ParseCommand].
type Command struct {
	Name     string // one of [Commands]
	Number   string // dial, transfer: digits, `*`, `#`, `+`; empty presses the transfer key alone
	Account  string // dial: 1 to 4; empty leaves it to the phone
	Attended bool   // transfer: speak to the third party first
	Want     Flag   // mute, dnd, hold, resume: the position to reach; NotKnown is the other one
	Keys     []Key  // what else is pressed, in this order

	Transaction json.RawMessage // a JSON string or number to echo, nil for none
	ExpiresAt   time.Time       // not to be started after it, zero for no limit
	Force       bool            // skips the guard
}

// Argument is the kind of argument that a command takes.
type Argument uint8

// The kinds of arguments.
const (
	NoArgument     Argument = iota
	DialNumber              // a number, or `number` and `account`
	TransferNumber          // a number, or `number` and `mode`, or nothing
	Position                // ON, OFF or TOGGLE
	KeyNames                // a key's name, or a list of them
	Digits                  // what tones can be made of
	Steps                   // UP, DOWN, or a number of steps
	Ordinal                 // the number of a numbered key
)

// CommandRow is one line of the vocabulary.
type CommandRow struct {
	Name     string
	Argument Argument
	Allowed  string // the argument's values in words
	Min, Max int    // of [Steps] and [Ordinal]
	Guard    Guard
	Source   string

	hangsUp  bool             // sends the request to hang up
	presses  Key              // without argument: that key; of [Ordinal]: what stands before the number
	on, off  Key              // what brings the position about; one and the same key toggles
	wants    Flag             // the position to reach, where the command itself says it
	position func(State) Flag // the present one, as far as events told it
}

// toggles tells that a key press in the right position would leave it.
func (r CommandRow) toggles() bool { return r.on == r.off }

const (
	clauseDial = "vendor document 2.1"
	noArgument = "{} or PRESS"
	onOff      = "ON, OFF or TOGGLE"
	ours       = "this program's own"
)

var commands = []CommandRow{
	{Name: "dial", Argument: DialNumber, Allowed: `a number of digits, *, # and +, or {"number", "account"} with account 1 to 4`, Source: clauseDial},
	{Name: "hangup", Allowed: noArgument, hangsUp: true, Source: clauseDial + ", note 2"},
	{Name: "key", Argument: KeyNames, Allowed: "the name of a key, or a list of up to 32", Guard: KeysNeedCall, Source: clauseKeys},
	{Name: "answer", Allowed: noArgument, presses: keyOK, Guard: CallRings, Source: clauseKeys + ", note 2"},
	{Name: "reject", Allowed: noArgument, hangsUp: true, Guard: OnlyRings, Source: clauseDial + ", note 2"},
	{Name: "hold", Allowed: noArgument, Guard: CallUp, on: keyHold, off: keyHold, wants: On, position: held, Source: clauseKeys},
	{Name: "resume", Allowed: noArgument, Guard: CallUp, on: keyHold, off: keyHold, wants: Off, position: held, Source: clauseKeys},
	{Name: "mute", Argument: Position, Allowed: onOff, Guard: CallUp, on: keyMute, off: keyMute, position: muted, Source: clauseKeys},
	{Name: "speaker", Allowed: noArgument, presses: "SPEAKER", Source: clauseKeys},
	{Name: "headset", Allowed: noArgument, presses: "HEADSET", Source: clauseKeys},
	{Name: "conference", Allowed: noArgument, presses: "F_CONFERENCE", Source: clauseKeys},
	{Name: "message", Allowed: noArgument, presses: "MSG", Source: clauseKeys},
	{Name: "redial", Allowed: noArgument, presses: "RD", Source: clauseKeys},
	{Name: "transfer", Argument: TransferNumber, Allowed: `a number of digits, * and #, or {"number", "mode"} with mode blind or attended, or {} for the key alone`, Guard: CallUp, Source: clauseKeys + "; sequence from public test scripts"},
	{Name: "dtmf", Argument: Digits, Allowed: "up to 32 of 0-9, * and #", Guard: CallUp, Source: clauseKeys},
	{Name: "volume", Argument: Steps, Allowed: "UP, DOWN, or -10 to 10 steps", Min: -10, Max: 10, Source: clauseKeys},
	{Name: "dnd", Argument: Position, Allowed: onOff, on: keyDNDOn, off: keyDNDOff, position: doNotDisturb, Source: clauseKeys},
	{Name: "line", Argument: Ordinal, Allowed: "1 to 45", Min: 1, Max: 45, presses: "L", Source: clauseKeys + ", " + sangoma},
	{Name: "dss", Argument: Ordinal, Allowed: "1 to 10", Min: 1, Max: 10, presses: "D", Source: clauseKeys},
	{Name: "soft", Argument: Ordinal, Allowed: "1 to 4", Min: 1, Max: 4, presses: "F", Source: clauseKeys},
	{Name: "reboot", Allowed: noArgument, presses: "Reboot", Source: clauseKeys},
	{Name: "autoprovision", Allowed: noArgument, presses: "AutoP", Source: clauseKeys},
	{Name: "clear_missed", Allowed: noArgument, Source: ours},
}

// Commands are the rows of the vocabulary, the commonest first.
func Commands() []CommandRow { return slices.Clone(commands) }

var commandRows = func() map[string]CommandRow {
	rows := make(map[string]CommandRow, len(commands))
	for _, row := range commands {
		rows[row.Name] = row
	}
	return rows
}()

// EndsCall tells that the command hangs up: it goes before others, and what runs need not go on.
func (c Command) EndsCall() bool { return commandRows[c.Name].hangsUp }

// IsOurs tells that the command concerns this program alone: nothing goes to the phone.
func (c Command) IsOurs() bool { return commandRows[c.Name].Source == ours }

// Requests are what goes to a phone in this state, in order. There are none for a command that
// concerns only this program, and for volume 0.
func (c Command) Requests(s State) []ActionURI {
	row := commandRows[c.Name]
	switch {
	case row.Argument == DialNumber:
		return []ActionURI{dial(c.Number, c.Account)}
	case row.Argument == TransferNumber:
		return presses(c.transferKeys())
	case row.hangsUp:
		return []ActionURI{hangUp}
	case row.position != nil:
		return presses([]Key{row.switchKey(c.Want, row.position(s))})
	}
	return presses(c.Keys)
}

// switchKey is the key that brings about what is wanted. The other position of an unknown one is on.
func (r CommandRow) switchKey(want, position Flag) Key {
	if want == Off || want == NotKnown && position == On {
		return r.off
	}
	return r.on
}

// transferKeys are the transfer key, the number, and what ends it.
func (c Command) transferKeys() []Key {
	if c.Number == "" {
		return []Key{keyTransfer}
	}
	last := keyTransfer
	if c.Attended {
		last = keyOK
	}
	digits, _ := digitKeys(c.Number)
	return slices.Concat([]Key{keyTransfer}, digits, []Key{last})
}
