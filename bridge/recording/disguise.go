package recording

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// request is what of a request is disguised.
type request struct{ path, query string }

// request puts pseudonyms into a request, byte for byte where values stand, so that what is strange
// about it stays. Then it reads both: what comes out must be the same event but for the pseudonyms. If
// it is not, the request is rebuilt from the event; and when that does not help either, ok is false.
func (m mask) request(r request, mac phone.MAC, d phone.Dialect) (masked request, rebuilt, ok bool) {
	d.Known = func(known phone.MAC) bool { return known == mac }
	event, err := r.event(d)
	charset := d.Charset(mac)
	masked = request{m.words(r.path, event.MAC), m.query(r.query, charset)}

	d.Known = func(known phone.MAC) bool { return known == m.mac(mac) }
	want := m.event(event)
	got, gotErr := masked.event(d)
	if err != nil || gotErr != nil {
		return masked, false, sameKind(err, gotErr)
	}
	if alike(got, want) {
		return masked, false, true
	}
	masked = rebuild(want)
	got, err = masked.event(d)
	return masked, true, err == nil && alike(got, want)
}

func (r request) event(d phone.Dialect) (phone.Event, error) {
	return phone.ParseEvent(phone.SplitWords(r.path), phone.SplitVariables(r.query), d)
}

// sameKind tells that two requests are refused for the same reason.
func sameKind(a, b error) bool {
	_, pathA := errors.AsType[*phone.NoEventError](a)
	_, pathB := errors.AsType[*phone.NoEventError](b)
	_, macA := errors.AsType[*phone.MACError](a)
	_, macB := errors.AsType[*phone.MACError](b)
	return pathA == pathB && macA == macB
}

// alike tells that two events say the same. The longest texts are cut off, wherever a pseudonym has put
// their end.
func alike(a, b phone.Event) bool {
	texts := func(e *phone.Event) []*string {
		return []*string{
			&e.Model, &e.Firmware, &e.CallID,
			&e.Account.Number, &e.Account.Name, &e.Account.URI,
			&e.Local.Number, &e.Local.Name, &e.Local.URI,
			&e.Remote.Number, &e.Remote.Name, &e.Remote.URI,
		}
	}
	const cutOff = 255
	ofB := texts(&b)
	for i, text := range texts(&a) {
		if utf8.RuneCountInString(*text) >= cutOff && utf8.RuneCountInString(*ofB[i]) >= cutOff {
			*text, *ofB[i] = "", ""
		}
	}
	return a == b
}

// event is an event with pseudonyms.
func (m mask) event(e phone.Event) phone.Event {
	e.MAC = m.mac(e.MAC)
	e.IP = m.ip(e.IP)
	e.Model, e.Firmware, e.CallID = m.product(e.Model), m.product(e.Firmware), m.text(e.CallID)
	for _, p := range []*phone.Party{&e.Account, &e.Local, &e.Remote} {
		*p = phone.Party{Number: m.text(p.Number), Name: m.text(p.Name), URI: m.text(p.URI)}
	}
	return e
}

var product = regexp.MustCompile(`^[\w.+/; -]{1,80}$`)

// product leaves the name of a model and the version of a firmware: they tell what phone it is.
func (m mask) product(text string) string {
	if product.MatchString(text) {
		return text
	}
	return m.text(text)
}

// words puts pseudonyms into a path. mac is the phone's where the path names it.
func (m mask) words(path string, mac phone.MAC) string {
	words := strings.Split(path, "/")
	for i, raw := range words {
		words[i] = m.value(raw, phone.UTF8, func(word string) string {
			trimmed := strings.TrimSpace(word)
			if _, known := phone.LookupEvent(trimmed); known {
				return word
			}
			if is, err := phone.ParseMAC(trimmed); err == nil && (is == mac || strings.Trim(trimmed, "0123456789") != "") {
				return m.macText(word, is)
			}
			if masked, ok := m.ipText(trimmed); ok {
				return masked
			}
			return m.path(word)
		})
	}
	return strings.Join(words, "/")
}

// query puts pseudonyms into the values of a query, and into what else stands there.
func (m mask) query(query string, charset phone.Charset) string {
	var b strings.Builder
	end, private := 0, false
	for _, s := range locate(query, phone.SplitVariables(query)) {
		b.WriteString(m.gap(query[end:s.from], private, charset))
		b.WriteString(m.value(query[s.from:s.to], charset, m.kind(s.name)))
		end = s.to
		private = private || slices.Contains(typedByCallers, s.name)
	}
	b.WriteString(m.gap(query[end:], private, charset))
	return b.String()
}

// typedByCallers are the variables whose values others than the phone's owner decide, and which may
// therefore look like more variables.
var typedByCallers = []phone.Variable{phone.VarRemote, phone.VarDisplayRemote, phone.VarLocal, phone.VarDisplayLocal, phone.VarCallID}

// kind is how the value of a variable is replaced.
func (m mask) kind(name phone.Variable) func(string) string {
	switch name {
	case phone.VarModel, phone.VarFirmware:
		return m.product
	case phone.VarActiveHost:
		return m.host
	case phone.VarIP:
		return m.address
	case phone.VarMAC:
		return func(text string) string {
			if mac, err := phone.ParseMAC(text); err == nil {
				return m.macText(text, mac)
			}
			return m.text(text)
		}
	}
	return m.text
}

// gap puts pseudonyms into what stands between the values that count: names, repeated ones, unknown
// ones. The name of an unknown variable stays where no caller can have typed it.
func (m mask) gap(gap string, private bool, charset phone.Charset) string {
	parts := strings.Split(gap, "&")
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		stays := isVariable(name) || !private && ok && plainName.MatchString(name)
		if !stays {
			parts[i] = m.value(part, charset, m.text)
			continue
		}
		parts[i] = name
		if ok {
			parts[i] += "=" + m.value(value, charset, m.text)
		}
	}
	return strings.Join(parts, "&")
}

var plainName = regexp.MustCompile(`^[a-zA-Z_-]{1,32}$`)

// value replaces a value in the form in which it is read: without escapes where there are some, and in
// the phone's charset.
func (m mask) value(raw string, charset phone.Charset, replace func(string) string) string {
	if plain, err := url.PathUnescape(raw); err == nil && plain != raw && utf8.ValidString(plain) {
		return escape(replace(plain))
	}
	return replace(charset.Decode(raw))
}

func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// span is where the value of a variable stands in a query.
type span struct {
	name     phone.Variable
	from, to int
}

// locate finds the values that count, in order.
func locate(query string, vars phone.Variables) []span {
	var found []span
	for i := 0; i < len(query); {
		word, _, ok := strings.Cut(query[i:], "=")
		from := i + len(word) + len("=")
		name := phone.Variable(strings.ReplaceAll(strings.ToLower(word), "call-id", string(phone.VarCallID)))
		value, counts := vars[name]
		if ok && counts && strings.HasPrefix(query[from:], value) && !slices.ContainsFunc(found, func(s span) bool { return s.name == name }) {
			found = append(found, span{name, from, from + len(value)})
			i = from + len(value)
		}
		next := strings.IndexByte(query[i:], '&')
		if next < 0 {
			break
		}
		i += next + 1
	}
	return found
}

// rebuild is the plainest request that says what an event says.
func rebuild(e phone.Event) request {
	var pairs []string
	add := func(name phone.Variable, value string) {
		if value != "" {
			pairs = append(pairs, string(name)+"="+escape(value))
		}
	}
	address := func(p phone.Party) string {
		if p.URI != "" {
			return p.URI
		}
		return p.Number
	}
	ip := ""
	if e.IP != (netip.Addr{}) {
		ip = e.IP.String()
	}
	add(phone.VarMAC, string(e.MAC))
	add(phone.VarIP, ip)
	add(phone.VarModel, e.Model)
	add(phone.VarFirmware, e.Firmware)
	add(phone.VarCallID, e.CallID)
	add(phone.VarActiveURL, e.Account.URI)
	add(phone.VarActiveUser, e.Account.Number)
	add(phone.VarLocal, address(e.Local))
	add(phone.VarRemote, address(e.Remote))
	add(phone.VarDisplayLocal, e.Local.Name)
	add(phone.VarDisplayRemote, e.Remote.Name)
	return request{"/" + e.Type.String(), strings.Join(pairs, "&")}
}
