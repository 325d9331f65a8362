package policy

import (
	"slices"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// act is one command that a command amounts to.
type act struct {
	command string
	number  string    // whom it calls, where it says so
	key     phone.Key // that amounts to it; empty for the command itself
	forced  bool      // it does so only because it skips its guard
}

// words are how a refusal speaks of it.
func (a act) words() string {
	switch {
	case a.forced:
		return "with force it may do what " + a.command + " does, which"
	case a.key != "":
		return "the key " + string(a.key) + " does what " + a.command + " does, which"
	}
	return a.command
}

// actsOf are all commands that a command amounts to, itself first.
func actsOf(c phone.Command) []act {
	acts := []act{{command: c.Name, number: c.Number}}
	if c.Force && c.Name == "reject" {
		// A call that is up ends by it, if none rings.
		acts = append(acts, act{command: "hangup", forced: true})
	}
	if c.Name != "key" {
		return acts
	}
	for _, key := range c.Keys {
		for _, command := range keyCommands[key] {
			acts = append(acts, act{command: command, key: key})
		}
		if c.Force && key == "X" {
			// In idle it asks whether to reboot (vendor document, clause 2.2.2, note 3).
			acts = append(acts, act{command: "reboot", key: key, forced: true})
		}
	}
	return acts
}

// amountsTo tells whether one of the command's acts is one of these.
func amountsTo(c phone.Command, commands ...string) bool {
	return slices.ContainsFunc(actsOf(c), func(a act) bool { return slices.Contains(commands, a.command) })
}

// alike are the keys that do what commands do, by the vendor document, clause 2.2.2. Those that only move
// through menus are missing.
var alike = map[phone.Key][]string{
	"OK": {"answer"}, "ENTER": {"answer"},
	"X": {"hangup"}, "CANCEL": {"hangup"},
	"SPEAKER": {"speaker"}, "HEADSET": {"headset"}, "MSG": {"message"}, "RD": {"redial"},
	"MUTE": {"mute"}, "F_HOLD": {"hold", "resume"}, "F_TRANSFER": {"transfer"}, "F_CONFERENCE": {"conference"},
	"VOLUME_UP": {"volume"}, "VOLUME_DOWN": {"volume"},
	"Reboot": {"reboot"}, "AutoP": {"autoprovision"},
	"DNDOn": {"dnd"}, "DNDOff": {"dnd"},
	"*": {"dtmf"}, "POUND": {"dtmf"},
}

// numbered are the same of rows of numbered keys; the digits have no name before the number.
var numbered = map[phone.Key][]string{"": {"dtmf"}, "L": {"line"}, "D": {"dss"}, "F": {"soft"}}

// keyCommands is what each key does.
var keyCommands = func() map[phone.Key][]string {
	all := make(map[phone.Key][]string)
	for _, row := range phone.Keys() {
		for _, key := range row.Keys() {
			all[key] = alike[key]
			if row.Last > 0 {
				all[key] = numbered[row.Name]
			}
		}
	}
	return all
}()
