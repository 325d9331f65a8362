package payload

import (
	"encoding/json"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// longestCommand is how much of a command's name is echoed: that of an unknown one is anybody's.
const longestCommand = 64

// Result is what became of one command.
type Result struct {
	Transaction json.RawMessage // as it came; nil: none
	Command     string
	Status      string
	Code        string // empty: nothing was wrong
	Error       string // for a person
	HTTPStatus  int    // 0: no answer
	Sent        int    // requests that went out
	Took        time.Duration
	Time        time.Time
	MAC         phone.MAC
	Assumed     bool // no event told what had to be known
	Repeated    bool // its transaction came again
}

type resultPayload struct {
	Transaction json.RawMessage `json:"transaction"`
	Command     *string         `json:"command"`
	Status      string          `json:"status"`
	Code        *string         `json:"code"`
	Error       *string         `json:"error"`
	HTTPStatus  *int            `json:"http_status"`
	Sent        int             `json:"sent"`
	DurationMS  int64           `json:"duration_ms"`
	Time        stamp           `json:"time"`
	MAC         phone.MAC       `json:"mac"`
	Assumed     bool            `json:"assumed,omitempty"`
	Repeated    bool            `json:"repeated,omitempty"`
}

// JSON is the result object. The transaction has to be JSON.
func (r Result) JSON() []byte {
	return marshal(resultPayload{
		Transaction: r.Transaction,
		Command:     known(r.Command[:min(len(r.Command), longestCommand)]),
		Status:      r.Status,
		Code:        known(r.Code),
		Error:       known(r.Error),
		HTTPStatus:  known(r.HTTPStatus),
		Sent:        r.Sent,
		DurationMS:  r.Took.Milliseconds(),
		Time:        stamp(r.Time),
		MAC:         r.MAC,
		Assumed:     r.Assumed,
		Repeated:    r.Repeated,
	})
}
