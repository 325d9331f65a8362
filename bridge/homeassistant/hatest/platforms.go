package hatest

import "strings"

// platform is what Home Assistant knows of one platform: mqtt/<platform>.py.
type platform struct {
	required []string
	keys     map[string]rule // beside those of all entities
	classes  []string        // of device_class
	further  func(c *checker, component map[string]any)
	noEntity bool
}

// rule is that of a key, nil for one that the platform does not know.
func (p platform) rule(key string) rule {
	if key == "device_class" && p.classes != nil {
		return oneOf(p.classes...)
	}
	if p.noEntity {
		return p.keys[key]
	}
	for _, keys := range []map[string]rule{p.keys, common, availability} {
		if check := keys[key]; check != nil {
			return check
		}
	}
	return nil
}

// common are the keys of all entities: `MQTT_ENTITY_COMMON_SCHEMA`, and those of newer versions that an
// older one drops.
var common = map[string]rule{
	"enabled_by_default": aBool, "entity_category": oneOf("config", "diagnostic"), "entity_picture": webAddress,
	"icon": icon, "json_attributes_topic": heard, "json_attributes_template": jinja, "unique_id": aString,
	"name": nameOrNull, "qos": qos, "encoding": aString, "default_entity_id": aString,
}

func nameOrNull(v any) string {
	if v == nil {
		return ""
	}
	return aString(v)
}

// reads and writes are the keys of what listens, and of what is told.
var (
	reads  = map[string]rule{"state_topic": heard, "value_template": jinja}
	writes = map[string]rule{"command_topic": told, "command_template": jinja, "retain": aBool}
)

// supported are the platforms of 2025.1 to 2026.9 that may stand in a device's payload.
var supported = words(`alarm_control_panel binary_sensor button camera climate cover device_automation device_tracker event
	fan humidifier image lawn_mower light lock notify number scene select sensor siren switch tag text update vacuum valve
	water_heater`)

func words(list string) []string { return strings.Fields(list) }

var platforms = map[string]platform{
	"event": {
		required: []string{"state_topic", "event_types"},
		keys:     join(reads, map[string]rule{"event_types": listOf}),
		classes:  words("button doorbell motion"),
		further:  event,
	},
	"sensor": {
		required: []string{"state_topic"},
		keys: join(reads, map[string]rule{
			"options": listOf, "state_class": oneOf("measurement", "measurement_angle", "total", "total_increasing"),
			"unit_of_measurement": aString, "expire_after": natural, "force_update": aBool,
			"suggested_display_precision": natural, "last_reset_value_template": jinja,
		}),
		classes: words(`apparent_power aqi area atmospheric_pressure battery blood_glucose_concentration carbon_dioxide
			carbon_monoxide conductivity current data_rate data_size date distance duration energy energy_distance
			energy_storage enum frequency gas humidity illuminance irradiance moisture monetary nitrogen_dioxide
			nitrogen_monoxide nitrous_oxide ozone ph pm1 pm10 pm25 power power_factor precipitation
			precipitation_intensity pressure reactive_power signal_strength sound_pressure speed sulphur_dioxide
			temperature timestamp volatile_organic_compounds volatile_organic_compounds_parts voltage volume
			volume_flow_rate volume_storage water weight wind_direction wind_speed`),
		further: sensor,
	},
	"binary_sensor": {
		required: []string{"state_topic"},
		keys: join(reads, map[string]rule{
			"payload_on": aString, "payload_off": aString, "expire_after": natural, "off_delay": natural, "force_update": aBool,
		}),
		classes: words(`battery battery_charging carbon_monoxide cold connectivity door garage_door gas heat light lock
			moisture motion moving occupancy opening plug power presence problem running safety smoke sound tamper
			update vibration window`),
		further: notConfig,
	},
	"button": {
		required: []string{"command_topic"},
		keys:     join(writes, map[string]rule{"payload_press": aString}),
		classes:  words("identify restart update"),
		further:  button,
	},
	"switch": {
		required: []string{"command_topic"},
		keys: join(reads, writes, map[string]rule{
			"payload_on": aString, "payload_off": aString, "state_on": aString, "state_off": aString, "optimistic": aBool,
		}),
		classes: words("outlet switch"),
	},
	"text": {
		required: []string{"command_topic"},
		keys: join(reads, writes, map[string]rule{
			"min": natural, "max": natural, "mode": oneOf("text", "password"), "pattern": pattern,
		}),
		further: text,
	},
	"notify": {required: []string{"command_topic"}, keys: writes},
	"device_automation": {
		required: []string{"automation_type", "type", "subtype", "topic"},
		keys: map[string]rule{
			"automation_type": oneOf("trigger"), "type": aString, "subtype": aString, "topic": heard,
			"payload": aString, "value_template": jinja, "qos": qos,
		},
		noEntity: true,
	},
}

func join(parts ...map[string]rule) map[string]rule {
	all := make(map[string]rule)
	for _, part := range parts {
		for key, check := range part {
			all[key] = check
		}
	}
	return all
}
