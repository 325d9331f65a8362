package homeassistant

// The Jinja templates, all of them: rendered by Home Assistant over the state and event objects of
// docs/topics.md. What a template gives is text, and `None` is Home Assistant's word for unknown. True
// and false are printed as True and False, which match no ON and no OFF. An undefined member is logged
// as a warning when it is printed or judged, so `get` asks for what may be missing.
var (
	callState   = known("value_json.call_state")
	missedCalls = known("value_json.missed_calls")
	phoneCount  = known("value_json.phones")

	// These look at the calls themselves: call_state shows but one of several.
	ringing = known("'ON' if value_json.calls | selectattr('state', 'eq', 'ringing') | list else 'OFF'")
	inCall  = known("'ON' if value_json.calls | rejectattr('state', 'eq', 'ringing') | list else 'OFF'")

	onHold        = known("'ON' if value_json.call_state == 'on_hold' else 'OFF'")
	caller        = known("(value_json.remote_name or value_json.remote_number or 'None')" + fits)
	lastCallEnded = known("(value_json.last_call or {}).get('ended_at') or 'None'")
	lastCall      = knownObject("(value_json.last_call or {}) | tojson")

	// callAttributes have the names that users of Home Assistant's FRITZ!Box call monitor know. They are
	// those of the call that stands for the phone, else of the last one: were they gone at idle, what
	// runs at the end of a call could not tell whose it was.
	callAttributes = "{% set c = (value_json.calls | selectattr('state', 'eq', value_json.call_state) | list | last" +
		" | default(value_json.last_call, true) if value_json is defined else none) or {} %}" +
		"{% set out = c.get('direction') == 'outgoing' %}" +
		"{% set number, name, own = c.get('remote_number'), c.get('remote_name'), c.get('local_number') or c.get('account') %}" +
		knownObject("{'type': c.get('direction'),"+
			" 'from': own if out else number, 'from_name': none if out else name,"+
			" 'to': number if out else own, 'to_name': name if out else none,"+
			" 'with': number, 'with_name': name, 'device': value_json.name,"+
			" 'initiated': c.get('started_at'), 'accepted': c.get('answered_at'), 'closed': c.get('ended_at'),"+
			" 'duration': c.get('duration_s'), 'result': c.get('result')} | tojson")
)

const (
	eventType = "{{ value_json.event_type }}"

	// ringEvent is empty for every other event, which Home Assistant passes over.
	ringEvent = "{{ dict(value_json, event_type='ring') | tojson if value_json.event_type == 'incoming_call' else '' }}"

	// fits cuts a text to what a state may have; a longer one would be refused with a warning.
	fits = "[:255]"
)

// known is the value of an expression over the state. The topic of a removed phone is emptied, and there
// is no value_json then.
func known(expression string) string { return guarded(expression, "None") }

// knownObject is an expression that gives a JSON object: attributes have to be one.
func knownObject(expression string) string { return guarded(expression, "{}") }

func guarded(expression, otherwise string) string {
	return "{{ (" + expression + ") if value_json is defined else '" + otherwise + "' }}"
}

// onOff is ON, OFF or unknown.
func onOff(member string) string {
	return known("{true: 'ON', false: 'OFF'}.get(value_json." + member + ", 'None')")
}

// word is a text, or unknown.
func word(member string) string {
	return known("(value_json." + member + " or 'None')" + fits)
}
