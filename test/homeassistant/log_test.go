package homeassistant

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// record is the first line of a record in Home Assistant's log.
var record = regexp.MustCompile(`^\d{4}-\d\d-\d\d \S+ (WARNING|ERROR|CRITICAL) \([^)]*\) \[([^]]*)\] (.*)`)

// concerning are the parts of Home Assistant that phones and their automations have to do with.
var concerning = []string{
	"homeassistant.components.automation", "homeassistant.components.binary_sensor", "homeassistant.components.blueprint",
	"homeassistant.components.button", "homeassistant.components.device_automation", "homeassistant.components.event",
	"homeassistant.components.mqtt", "homeassistant.components.notify", "homeassistant.components.sensor",
	"homeassistant.components.switch", "homeassistant.components.text", "homeassistant.config",
	"homeassistant.config_entries", "homeassistant.helpers", "homeassistant.util",
}

// harmless are records of these that come of what the test does: to the broker, to a machine without a
// network, and to a device that it deletes in Home Assistant, which then empties the device's topic once
// for each of its entities, and wonders. That something takes it over ten seconds tells of the machine.
var harmless = regexp.MustCompile(`^(homeassistant\.components\.mqtt\.client: (Disconnected from MQTT server|Failed to connect to MQTT server|Error returned from MQTT server: The connection was lost)` +
	`|homeassistant\.components\.mqtt\.client: No ACK from MQTT server in \d+ seconds` +
	`|homeassistant\.[\w.]+: (Setup|Update) of [^:]+ is taking over \d+ seconds` +
	`|homeassistant\.components\.mqtt\.discovery: No device components to cleanup for phone2mqtt_` + string(office) + `,)`)

// complaints are the records in a log at warning or above that concern phones: those of the parts above,
// and those that name something of ours.
func complaints(log string) []string {
	// Of a traceback the paths are not ours, but contain our name.
	log = strings.ReplaceAll(log, filepath.Dir(filepath.Dir(filepath.Dir(os.Getenv("HA_PYTHON")))), "")
	var found []string
	for line := range strings.Lines(log) {
		m := record.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		logger, text := m[2], m[3]
		of := func(part string) bool { return logger == part || strings.HasPrefix(logger, part+".") }
		ours := strings.Contains(line, "phone2mqtt") || strings.Contains(line, string(kitchen[:8]))
		if (ours || slices.ContainsFunc(concerning, of)) && !harmless.MatchString(logger+": "+text) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// testLog: in all of its runs Home Assistant had nothing to complain of.
func (h *house) testLog(t *testing.T) {
	log := h.log(t)
	if !record.MatchString(strings.SplitN(log, "\n", 2)[0]) {
		t.Fatalf("this is no log of Home Assistant: %.300s", log)
	}
	for _, c := range complaints(log) {
		t.Error(c)
	}
}
