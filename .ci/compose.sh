#!/bin/bash
# docker-compose.yml without a Docker engine: docker compose reads it, and its
# broker runs with the access files that its first service makes.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

compose_version=v5.5.0

section "compose file: docker compose config"
compose=(docker compose)
if ! docker compose version >/dev/null 2>&1; then
	compose=("$cache/docker-compose-$compose_version/docker-compose")
fi
if [[ ${#compose[@]} -eq 1 && ! -x ${compose[0]} ]]; then
	# go install refuses this module (its go.mod has excludes), so it is built
	# where the module lies.
	quietly go mod download "github.com/docker/compose/v5@$compose_version" &&
		(cd "$(go env GOMODCACHE)/github.com/docker/compose/v5@$compose_version" &&
			CGO_ENABLED=0 quietly go build -trimpath -o "${compose[0]}" \
				-ldflags "-s -w -X github.com/docker/compose/v5/internal.Version=$compose_version" ./cmd) ||
		rm -f "${compose[0]}"
fi
mkdir "$work/project"
cp -r docker-compose.yml examples "$work/project"
# config runs in a copy, where no .env of the user lies.
config() { (cd "$work/project" && env -i PATH="$PATH" HOME="$HOME" "${compose[@]}" config "$@"); }
if ! "${compose[@]}" version 2>/dev/null; then
	skip "docker compose config" "neither the plugin is here, nor can $compose_version be built"
else
	! config -q 2>"$work/error" || fail "passwords are not asked for"
	grep -q 'docker.env' "$work/error" || fail "no hint where to write them: $(cat "$work/error")"
	# A $ between single quotes is one, and what is not set stays away.
	sed -E "s|^(PHONE2MQTT_HTTP_URL=)|\1http://192.0.2.1:8090|; s|^([A-Z0-9_]*PASSWORD=)|\1'secret\$x'|" \
		examples/docker.env >"$work/project/.env"
	config -q
	debian python3=python3
	config --format json >"$work/config.json"
	python3 - "$work/config.json" <<-'END'
		import json, sys
		services = json.load(open(sys.argv[1]))["services"]
		got = services["phone2mqtt"]["environment"]
		want = {"PHONE2MQTT_MQTT_URL": "mqtt://mosquitto:1883", "PHONE2MQTT_MQTT_USERNAME": "phone2mqtt",
		        "PHONE2MQTT_MQTT_PASSWORD": "secret$x", "PHONE2MQTT_HTTP_URL": "http://192.0.2.1:8090"}
		# compose doubles a $ in what it prints, so that it can be read again.
		set_ = {k: v.replace("$$", "$") for k, v in got.items() if v is not None}
		if set_ != want: sys.exit(f"FAIL: environment of phone2mqtt: got {set_}, want {want}")
	END
fi

section "compose file: the broker loses nothing"
debian mosquitto=mosquitto mosquitto_pub=mosquitto-clients
# mosquitto changes to its own user before it reads these files.
chmod 755 "$work"
mkdir "$work/access" "$work/data"
BRIDGE_PASSWORD='b r$1' HOME_PASSWORD=home-secret sh examples/mosquitto/access.sh examples/mosquitto "$work/access"
[[ $(stat -c %a "$work"/access/*) == $'600\n600' ]] || fail "others may read the passwords"
chown mosquitto "$work/data"
port=$(free_port)
sed -e "s|/mosquitto/access|$work/access|; s|/mosquitto/data|$work/data|; s|^listener 1883|listener $port 127.0.0.1|" \
	examples/mosquitto/mosquitto.conf >"$work/mosquitto.conf"
start_broker() {
	mosquitto -c "$work/mosquitto.conf" >>"$work/log" 2>&1 &
	broker=$!
	children=("$broker")
	eventually listening "$port" || { cat "$work/log" >&2; fail "mosquitto does not listen"; }
}
bridge() { "mosquitto_$1" -p "$port" -u phone2mqtt -P 'b r$1' -q 1 "${@:2}"; }
home() { "mosquitto_$1" -p "$port" -u home -P home-secret -q 1 "${@:2}"; }

start_broker
! mosquitto_pub -p "$port" -t x -m x 2>/dev/null || fail "everyone is let in"
# A subscriber that goes away, then events for it, then a power cut.
home sub -c -i away -t 'phone2mqtt/+/event' -E
for i in 1 2 3; do
	bridge pub -r -t phone2mqtt/001fc11a8b6c/state -m "$i"
	bridge pub -t phone2mqtt/001fc11a8b6c/event -m "event-$i"
done
eventually grep -q event-3 "$work/data/mosquitto.db" || fail "an event is not on disk after 10 s"
{ kill -KILL "$broker" && wait "$broker"; } 2>/dev/null || true
start_broker
got=$(home sub -t phone2mqtt/001fc11a8b6c/state -C 1 -W 5) || true
[[ $got == 3 ]] || fail "the retained state after a power cut is '$got', not 3"
got=$(home sub -c -i away -t 'phone2mqtt/+/event' -C 3 -W 5 | xargs) || true
[[ $got == "event-1 event-2 event-3" ]] || fail "the events after a power cut are '$got', not all three"
# home may command, but not pretend to be a phone. What is not allowed is dropped
# in silence: it shows in what comes first at somebody who listens.
home sub -c -i listener -t 'phone2mqtt/+/event' -E
home pub -t phone2mqtt/001fc11a8b6c/event -m forged
bridge pub -t phone2mqtt/001fc11a8b6c/event -m true
got=$(home sub -c -i listener -t 'phone2mqtt/+/event' -C 1 -W 5) || true
[[ $got == true ]] || fail "home may publish events: '$got' came"
bridge sub -c -i commands -t 'phone2mqtt/+/set/#' -E
home pub -t phone2mqtt/001fc11a8b6c/set/dnd -m ON
got=$(bridge sub -c -i commands -t 'phone2mqtt/+/set/#' -C 1 -W 5) || true
[[ $got == ON ]] || fail "home may not command"
printf 'passwords, rights, and nothing lost by kill -9: as wanted\n'
