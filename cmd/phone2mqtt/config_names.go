package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// kubernetesName is the rest, after our prefix, of a name that Kubernetes gives to every container
// near a service called phone2mqtt or phone2mqtt-something.
var kubernetesName = regexp.MustCompile(`^([A-Z0-9_]+?_)??(SERVICE_[A-Z0-9_]+|PORT|PORT_[0-9]+_[A-Z0-9_]+)$`)

// refuseUnknown finds a variable with our prefix that we do not know: mostly a typing error, whose
// setting would be missed in silence. Those that are set to nothing count as not set.
func refuseUnknown(environ []string) error {
	known := make([]string, 0, len(variables))
	for _, v := range variables {
		known = append(known, v.name)
	}
	// In order, so that the same environment gives the same line.
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		name, ours := strings.CutPrefix(name, prefix+"_")
		if !ours || value == "" || slices.Contains(known, name) || madeByKubernetes(name, value) {
			continue
		}
		return wrong(name, "no such variable, did you mean %s_%s?", prefix, nearest(name, known))
	}
	return nil
}

// nearest is the known name that was probably meant: one that was cut short, such as MQTT_USER,
// before one with other letters.
func nearest(name string, known []string) string {
	for _, candidate := range known {
		if strings.HasPrefix(candidate, name) {
			return candidate
		}
	}
	return phone.Nearest(name, known)
}

// madeByKubernetes tells a service's name from ours.
func madeByKubernetes(name, value string) bool {
	match := kubernetesName.FindStringSubmatch(name)
	if match == nil {
		return false
	}
	service, rest := match[1], match[2]
	// Theirs is tcp://10.0.0.1:1883. MQTT_PORT=1883 is somebody's guess at a setting of ours.
	guess := service != "" && rest == "PORT" && !strings.Contains(value, "://")
	return !guess
}
