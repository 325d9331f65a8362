package payload

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// object is JSON while it is written, member by member: an event asks for three texts, and reflection
// would cost more than all else that is done with them. The tests hold each equal to what encoding/json
// gives.
//
// Each method returns the longer text, as append does. Every value leaves a comma behind, which the end
// of what holds it takes back.
type object []byte

// drafts are what objects are written in. It is not the stack, which every connection has anew and would
// have to double for it.
var drafts = sync.Pool{New: func() any { return new(object) }}

// write is an object with these members, in a place of its own size: the payload of a retained topic is
// kept for as long as the topic.
func write(members func(object) object) []byte {
	draft, _ := drafts.Get().(*object)
	defer drafts.Put(draft)
	*draft = members((*draft)[:0].begin('{')).end('}')
	return bytes.Clone((*draft)[:len(*draft)-1])
}

func (o object) begin(bracket byte) object { return append(o, bracket) }

func (o object) end(bracket byte) object {
	if last := len(o) - 1; o[last] == ',' {
		o = o[:last]
	}
	return append(o, bracket, ',')
}

// name begins a member. The name must not need escaping.
func (o object) name(name string) object {
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

func (o object) null() object { return append(o, "null,"...) }

// word is a text member.
func (o object) word(name, value string) object { return o.name(name).quoted(value) }

// known is a text member, null when it is empty.
func (o object) known(name, value string) object {
	if value == "" {
		return o.name(name).null()
	}
	return o.word(name, value)
}

func (o object) number(name string, value uint64) object {
	return append(strconv.AppendUint(o.name(name), value, 10), ',')
}

func (o object) truth(name string, value bool) object {
	return append(strconv.AppendBool(o.name(name), value), ',')
}

// flag is a truth, null when it is not known.
func (o object) flag(name string, value phone.Flag) object {
	if value == phone.NotKnown {
		return o.name(name).null()
	}
	return o.truth(name, value == phone.On)
}

// stamp is a time as people read it, in UTC with milliseconds; null when zero.
func (o object) stamp(name string, at time.Time) object {
	if at.IsZero() {
		return o.name(name).null()
	}
	// Package time has a quick way for this layout, and none for one with milliseconds.
	o = at.UTC().AppendFormat(o.name(name).begin('"'), time.RFC3339)
	ms := at.Nanosecond() / int(time.Millisecond)
	return append(o[:len(o)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', '"', ',')
}

// seconds is a span in seconds with three decimals, null when it is not known.
func (o object) seconds(name string, s phone.Span) object {
	if !s.Known {
		return o.name(name).null()
	}
	return append(strconv.AppendFloat(o.name(name), math.Round(s.Length.Seconds()*1000)/1000, 'f', -1, 64), ',')
}

// address is an IP address, null when there is none.
func (o object) address(name string, ip netip.Addr) object {
	switch {
	case !ip.IsValid():
		return o.name(name).null()
	case ip.Zone() != "": // which may be any text
		return o.word(name, ip.String())
	}
	return append(ip.AppendTo(o.name(name).begin('"')), '"', ',')
}

// quoted is a text as a JSON string, exactly as encoding/json has it when it does not escape for HTML:
// what is no UTF-8 becomes U+FFFD, and the two line ends of JavaScript are escaped.
func (o object) quoted(text string) object {
	o = append(o, '"')
	plain := 0 // where what needs no escape began
	for i := 0; i < len(text); {
		if c := text[i]; c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		character, size := utf8.DecodeRuneInString(text[i:])
		if needsEscape(character, size) {
			o = append(o, text[plain:i]...).escaped(character)
			plain = i + size
		}
		i += size
	}
	o = append(o, text[plain:]...)
	return append(o, '"', ',')
}

// needsEscape tells that a character, of that many bytes, cannot be written as it is.
func needsEscape(character rune, size int) bool {
	switch character {
	case '"', '\\', '\u2028', '\u2029':
		return true
	case utf8.RuneError:
		return size == 1
	}
	return character < ' '
}

func (o object) escaped(character rune) object {
	const hex = "0123456789abcdef"
	if character == '"' || character == '\\' {
		return append(o, '\\', byte(character))
	}
	if letter := strings.IndexByte("\b\f\n\r\t", byte(character)); letter >= 0 && character < ' ' {
		return append(o, '\\', "bfnrt"[letter])
	}
	return append(o, '\\', 'u', hex[character>>12&15], hex[character>>8&15], hex[character>>4&15], hex[character&15])
}
