// Package policy is the rules that the owner of the phones lays down for commands: which ones may be
// sent, which numbers may be dialled, and how often.
//
// It promises that a rule holds however a command is put: a key is judged as the commands that it
// stands for, a transfer as the call that it makes, and force, which skips guards, skips no rule. It
// errs on the side of the rule. Where a rule on numbers is set, nothing that could dial past it runs
// unless it was named on purpose.
//
// It never sends, logs or waits for anything and has no clock. It does not know who sent a command:
// that is the broker's to judge.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// The rules by the names of the variables that set them.
const (
	Commands  = "COMMANDS"
	DialAllow = "DIAL_ALLOW"
	DialDeny  = "DIAL_DENY"
	DialRate  = "DIAL_RATE"
)

// Rules are what the owner laid down. Without any, every command may be sent.
type Rules struct {
	Commands []string  // names of the commands that may be sent; none: all
	Allow    []Pattern // of the numbers that may be dialled; none: all
	Deny     []Pattern // of the numbers that may not, whatever Allow says
	Rate     int       // dials and transfers a minute on one phone, see [Pace]; 0: any number
}

// Refusal is why a command may not be sent.
type Refusal struct {
	Rule string // the variable that forbids it
	Text string // for the sender: what is forbidden and what would not be; holds no number
}

// pastNumbers are the commands that can call somebody without saying whom: the conference key opens a
// line to type into, the message key calls a mailbox.
var pastNumbers = []string{"redial", "line", "dss", "soft", "key", "conference", "message"}

// Judge tells what forbids a command, whatever state its phone is in; nil is nothing.
func (r Rules) Judge(c phone.Command) *Refusal {
	for _, a := range actsOf(c) {
		if refusal := r.judgeAct(a); refusal != nil {
			return refusal
		}
	}
	if c.Number == "" {
		return nil
	}
	return r.judgeNumber(c.Number)
}

// judgeAct judges one of the commands that a command amounts to.
func (r Rules) judgeAct(a act) *Refusal {
	named := slices.Contains(r.Commands, a.command)
	switch {
	case len(r.Commands) > 0 && !named:
		return &Refusal{Commands, a.words() + " is not allowed here (" + Commands + ")"}
	case !r.onNumbers():
		return nil
	case a.command == "transfer" && a.number == "":
		return &Refusal{r.numberRule(), a.words() + " without a number could go to one that " + r.numberRule() + " forbids; send the number with it"}
	case slices.Contains(pastNumbers, a.command) && !named:
		return &Refusal{r.numberRule(), fmt.Sprintf("%s could call a number that %s forbids; it is off unless %s names it", a.words(), r.numberRule(), Commands)}
	}
	return nil
}

// onNumbers tells that not every number may be called.
func (r Rules) onNumbers() bool { return len(r.Allow)+len(r.Deny) > 0 }

// numberRule is the rule to name where either would forbid.
func (r Rules) numberRule() string {
	if len(r.Allow) > 0 {
		return DialAllow
	}
	return DialDeny
}

// judgeNumber: what is denied stays so, whatever is allowed.
func (r Rules) judgeNumber(number string) *Refusal {
	for _, reading := range readings(number) {
		for _, pattern := range r.Deny {
			if pattern.Matches(reading) {
				return &Refusal{DialDeny, fmt.Sprintf("this number must not be called (%s has %s)", DialDeny, pattern)}
			}
		}
	}
	allows := func(pattern Pattern) bool { return pattern.Matches(number) }
	if len(r.Allow) > 0 && !slices.ContainsFunc(r.Allow, allows) {
		return &Refusal{DialAllow, "this number is none of those that may be called (" + DialAllow + ")"}
	}
	return nil
}

// readings are what a phone or an exchange may make of a number: some drop a `+`, some take a `#` for
// the end, and what begins with `*` or `#` may be a service code before the number proper.
func readings(number string) []string {
	runs := strings.FieldsFunc(number, func(r rune) bool { return !strings.ContainsRune(digits, r) })
	return append(runs, number, strings.Join(runs, ""))
}

// JudgeTyping tells what forbids typing the command's digits on a phone in this state; nil is nothing.
// Where numbers have rules, digits may go to a call that talks, and nowhere else: typed in idle, on hold
// or after a forced command they dial. The call has to be told by the phone's events. Of a sequence
// it is asked again before each request.
func (r Rules) JudgeTyping(c phone.Command, s phone.State) *Refusal {
	talks := s.Any(phone.Talking) && !s.Any(phone.Dialing)
	if talks || !r.onNumbers() || !amountsTo(c, "dtmf") {
		return nil
	}
	return &Refusal{r.numberRule(), fmt.Sprintf("digits could call a number that %s forbids, unless the phone's events say that a call is talking and none is dialing", r.numberRule())}
}
