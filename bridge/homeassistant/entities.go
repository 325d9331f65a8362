package homeassistant

import (
	"slices"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Entity is one line of the vocabulary: what a device shows or can be told in Home Assistant. Home
// Assistant's own platforms say what their keys mean: home-assistant.io, "MQTT", and the modules of
// homeassistant/components/mqtt in its core.
type Entity struct {
	// Key is the end of the unique id, `<root>_<mac>_<key>`, and the key of the component. It stays for
	// ever: another one would be another entity, and the automations on the old one would stop.
	Key      string
	Platform string
	Name     string // in sentence case; Home Assistant puts the device's name before it
	Does     string // what it shows or does, for people
	Disabled bool   // until somebody enables it: of use to few

	json componentJSON // the rest, its topics below that of the device
}

// The platforms in use.
const (
	binarySensor = "binary_sensor"
	button       = "button"
	event        = "event"
	notify       = "notify"
	sensor       = "sensor"
	switched     = "switch"
	text         = "text"
	trigger      = "device_automation"
)

// platforms are those that any version announced.
var platforms = []string{binarySensor, button, event, notify, sensor, switched, text, trigger}

// Entity categories: what has one stays out of the dashboards that Home Assistant makes by itself.
const (
	diagnostic = "diagnostic"
	config     = "config"
)

// Topics below a phone's.
const (
	stateTopic   = "state"
	eventTopic   = "event"
	commandTopic = "set"
)

// PhoneEntities are what every phone has, [Device.Ring]'s entity last.
func PhoneEntities() []Entity { return append(phoneEntities(), ringEntity()) }

// BridgeEntities are what the bridge itself has.
func BridgeEntities() []Entity { return bridgeEntities() }

func phoneEntities() []Entity {
	return slices.Concat(calls(), switches(), commands(), diagnostics(), triggers())
}

func calls() []Entity {
	return []Entity{
		{Key: "call", Platform: sensor, Name: "Call", Does: "`idle`, `ringing`, `dialing`, `talking` or `on_hold`; attributes: the call, when idle the last one",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: callState, DeviceClass: "enum", Options: callStates(), Icon: "mdi:phone", AttributesTopic: stateTopic, AttributesTemplate: callAttributes}},
		{Key: "call_event", Platform: event, Name: "Call event", Does: "every event, its members as attributes",
			json: componentJSON{StateTopic: eventTopic, EventTypes: eventTypes(), Icon: "mdi:phone-log"}},
		{Key: "ringing", Platform: binarySensor, Name: "Ringing", Does: "a call rings, also while another one is up",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: ringing, Icon: "mdi:phone-ring"}},
		{Key: "in_call", Platform: binarySensor, Name: "In call", Does: "a call is dialing, talking or on hold",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: inCall, Icon: "mdi:phone-in-talk"}},
		{Key: "caller", Platform: sensor, Name: "Caller", Does: "name or number of the other side; unknown when idle",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: caller, Icon: "mdi:card-account-phone"}},
		{Key: "last_call", Platform: sensor, Name: "Last call", Does: "when it ended; attributes: the call as in `last_call`",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: lastCallEnded, DeviceClass: "timestamp", Icon: "mdi:phone-clock", AttributesTopic: stateTopic, AttributesTemplate: lastCall}},
		{Key: "missed_calls", Platform: sensor, Name: "Missed calls", Does: "how many since they were last cleared",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: missedCalls, StateClass: "measurement", Icon: "mdi:phone-missed"}},
	}
}

// ringEntity offers `ring`, which the class asks for.
func ringEntity() Entity {
	return Entity{Key: "ring", Platform: event, Name: "Ring", Does: "an incoming call, as a doorbell; only with `ring: true` in `PHONES_FILE`",
		json: componentJSON{StateTopic: eventTopic, EventTypes: []string{"ring"}, DeviceClass: "doorbell", ValueTemplate: ringEvent}}
}

func switches() []Entity {
	return []Entity{
		{Key: "dnd", Platform: switched, Name: "Do not disturb", Does: "switches it, and follows the phone",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onOff("dnd"), CommandTopic: commandTopic + "/dnd", PayloadOn: "ON", PayloadOff: "OFF", Icon: "mdi:bell-off"}},
		{Key: "mute", Platform: switched, Name: "Mute", Does: "mutes the microphone during a call",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onOff("muted"), CommandTopic: commandTopic + "/mute", PayloadOn: "ON", PayloadOff: "OFF", Icon: "mdi:microphone-off"}},
		{Key: "hold", Platform: switched, Name: "Hold", Does: "holds the call, and takes it back",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onHold, StateOn: "ON", StateOff: "OFF", CommandTopic: commandTopic, PayloadOn: `{"command":"hold"}`, PayloadOff: `{"command":"resume"}`, Icon: "mdi:phone-paused"}},
	}
}

func diagnostics() []Entity {
	return []Entity{
		{Key: "registered", Platform: binarySensor, Name: "Registered", Does: "every account of the phone is registered",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onOff("registered"), DeviceClass: "connectivity", EntityCategory: diagnostic}},
		{Key: "off_hook", Platform: binarySensor, Name: "Off hook", Does: "the handset is lifted", Disabled: true,
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onOff("off_hook"), EntityCategory: diagnostic, Icon: "mdi:phone-classic"}},
		{Key: "forward_always", Platform: binarySensor, Name: "Forwarding always", Does: "calls are forwarded", Disabled: true,
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onOff("forward_always"), EntityCategory: diagnostic, Icon: "mdi:phone-forward"}},
		{Key: "forward_busy", Platform: binarySensor, Name: "Forwarding when busy", Does: "calls are forwarded when the phone is busy", Disabled: true,
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onOff("forward_busy"), EntityCategory: diagnostic, Icon: "mdi:phone-forward"}},
		{Key: "forward_no_answer", Platform: binarySensor, Name: "Forwarding without answer", Does: "calls are forwarded when nobody answers", Disabled: true,
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: onOff("forward_no_answer"), EntityCategory: diagnostic, Icon: "mdi:phone-forward"}},
		{Key: "ip", Platform: sensor, Name: "IP address", Does: "what the phone says its address is",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: word("ip"), EntityCategory: diagnostic, Icon: "mdi:ip-network"}},
		{Key: "firmware", Platform: sensor, Name: "Firmware", Does: "what the phone says its version is",
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: word("firmware"), EntityCategory: diagnostic, Icon: "mdi:chip"}},
		{Key: "last_seen", Platform: sensor, Name: "Last seen", Does: "when the last event came in", Disabled: true,
			json: componentJSON{StateTopic: stateTopic, ValueTemplate: word("last_seen"), DeviceClass: "timestamp", EntityCategory: diagnostic}},
	}
}

// triggers are device triggers: what automations are built on most, offered by the device's page.
func triggers() []Entity {
	on := func(kind string, events ...phone.EventType) (rows []Entity) {
		for _, e := range events {
			rows = append(rows, Entity{Key: "trigger_" + e.String(), Platform: trigger, Name: kind + " " + e.String(), Does: "fires at this event",
				json: componentJSON{AutomationType: "trigger", Type: kind, Subtype: e.String(), Topic: eventTopic, ValueTemplate: eventType, Payload: e.String()}})
		}
		return rows
	}
	return append(
		on("call", phone.IncomingCall, phone.OutgoingCall, phone.CallEstablished, phone.CallEnded, phone.MissedCall),
		on("key", phone.HeadsetPress, phone.HandsfreePress)...)
}

// connectionKey names the entity that has no availability: with one it could never show "disconnected".
const connectionKey = "connection"

func bridgeEntities() []Entity {
	return []Entity{
		{Key: connectionKey, Platform: binarySensor, Name: "Connection", Does: "phone2mqtt is connected to the broker",
			json: componentJSON{StateTopic: "state", PayloadOn: "online", PayloadOff: "offline", DeviceClass: "connectivity", EntityCategory: diagnostic}},
		{Key: "version", Platform: sensor, Name: "Version", Does: "of phone2mqtt",
			json: componentJSON{StateTopic: "info", ValueTemplate: word("version"), EntityCategory: diagnostic, Icon: "mdi:tag"}},
		{Key: "phones", Platform: sensor, Name: "Phones", Does: "how many are known",
			json: componentJSON{StateTopic: "info", ValueTemplate: phoneCount, StateClass: "measurement", EntityCategory: diagnostic, Icon: "mdi:deskphone"}},
		{Key: "discovery_refresh", Platform: button, Name: "Announce again", Does: "brings back devices that were deleted in Home Assistant",
			json: componentJSON{CommandTopic: "request/discovery/refresh", PayloadPress: noArgument, EntityCategory: config, Icon: "mdi:refresh"}},
	}
}

func callStates() []string {
	var states []string
	for _, s := range []phone.CallState{phone.Idle, phone.Ringing, phone.Dialing, phone.Talking, phone.OnHold} {
		states = append(states, string(s))
	}
	return states
}

// eventTypes are all that can come: an event of another type would be dropped with a warning.
func eventTypes() []string {
	var slugs []string
	for _, row := range phone.Events() {
		slugs = append(slugs, row.Slug)
	}
	return append(slugs, phone.CallEnded.String(), phone.PhoneOnline.String(), phone.PhoneOffline.String())
}
