package payload

import (
	"net/netip"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Members as records have them: what is not known is left out. They follow the tags of package phone's
// types.

func (o object) given(name, value string) object {
	if value == "" {
		return o
	}
	return o.word(name, value)
}

func (o object) count(name string, value uint64) object {
	if value == 0 {
		return o
	}
	return o.number(name, value)
}

func (o object) mark(name string, value bool) object {
	if !value {
		return o
	}
	return o.truth(name, value)
}

func (o object) place(name string, ip netip.Addr) object {
	if !ip.IsValid() {
		return o
	}
	return o.address(name, ip)
}

// instant is a time to the nanosecond, zero or not.
func (o object) instant(name string, at time.Time) object {
	return append(at.AppendFormat(o.name(name).begin('"'), time.RFC3339Nano), '"', ',')
}

func (o object) moment(name string, at time.Time) object {
	if at.IsZero() {
		return o
	}
	return o.instant(name, at)
}

func (o object) span(name string, s phone.Span) object {
	if !s.Known {
		return o
	}
	return o.name(name).begin('{').truth("Known", true).number("Length", uint64(s.Length)).end('}')
}

// party is one side of a call, known or not.
func (o object) party(name string, p phone.Party) object {
	return o.name(name).begin('{').given("number", p.Number).given("name", p.Name).given("uri", p.URI).end('}')
}

func (o object) knownParty(name string, p phone.Party) object {
	if p == (phone.Party{}) {
		return o
	}
	return o.party(name, p)
}
