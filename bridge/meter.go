package bridge

import (
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Meter counts what the bridge does. It is called with phones locked, so its methods have to be quick
// and must not call the bridge. Package metrics implements it; with none, nothing is counted.
type Meter interface {
	// EventAnswered is called once for each Action URL request.
	EventAnswered(Answer)

	// CallEnded is called once for each call whose end became known.
	CallEnded(phone.Direction, phone.Result)

	// CommandAnswered is called once for each command. The name is as it was sent, and may be anybody's;
	// code is ok, skipped, or the code of the result.
	CommandAnswered(name, code string)

	// PhoneRequested is called for each request that went out to a phone, with its length to the end of
	// the answer, or of the waiting for one.
	PhoneRequested(time.Duration)
}

// Answer is what became of one Action URL request.
type Answer struct {
	Event  phone.EventType // [phone.NoEvent] when none was understood
	Status int             // of HTTP
	Reason Reason          // of a refusal; empty with status 200
	Repeat bool            // it repeated the phone's last event, and was answered as that one
}

// Reason is why an Action URL request was refused, for counting and for telling one repeating failure
// from another.
type Reason string

// The reasons, in the order in which they are judged.
const (
	BadRequest   Reason = "bad_request" // not HTTP, or beyond its bounds
	BadToken     Reason = "token"       // missing or wrong
	BadAddress   Reason = "address"     // not in HTTP_ALLOW, or not that of the phone
	TooMany      Reason = "rate"        // over HTTP_RATE
	BadMethod    Reason = "method"      // neither GET nor POST
	BadPath      Reason = "path"        // no event can be made of it
	NoPhone      Reason = "no_phone"    // no phone can be identified
	UnknownPhone Reason = "unknown"     // not listed, and not to be learned
	NotStored    Reason = "not_stored"  // the store did not take the event
)

// Reasons are all that a refusal can have.
func Reasons() []Reason {
	return []Reason{BadRequest, BadToken, BadAddress, TooMany, BadMethod, BadPath, NoPhone, UnknownPhone, NotStored}
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) EventAnswered(Answer)                    {}
func (unmetered) CallEnded(phone.Direction, phone.Result) {}
func (unmetered) CommandAnswered(string, string)          {}
func (unmetered) PhoneRequested(time.Duration)            {}
