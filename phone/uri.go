package phone

import "strings"

// ActionURI is one request to a phone: what follows `/Phone_ActionURL&` in the request line, such as
// `Command=1&Number=206&Account=1` or `key=OK` (vendor document, clauses 2.1 and 2.2.1). A `#` stands
// in it literally; who sends it writes `%23`.
type ActionURI string

// hangUp ends the phone's call (clause 2.1, note 2). It is preferred to the key X, which in idle asks
// whether to reboot (clause 2.2.2, note 3).
const hangUp ActionURI = "Command=2"

// dial is the request to call a number (clause 2.1). An empty account leaves the choice to the phone (note 4).
func dial(number, account string) ActionURI {
	uri := "Command=1&Number=" + number
	if account != "" {
		uri += "&Account=" + account
	}
	return ActionURI(uri)
}

// PressesKey tells whether the request presses a key. A phone needs a pause after one.
func (u ActionURI) PressesKey() bool { return strings.HasPrefix(string(u), keyPrefix) }

// keyPrefix is the short form of clause 2.2.1, note 2.
const keyPrefix = "key="
