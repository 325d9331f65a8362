#!/bin/bash
# Metrics as Prometheus reads them: the live page, the alert rules and their tests.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

section "metrics: promtool"
if ! debian promtool=prometheus; then
	skip "promtool" "Debian's package prometheus cannot be installed here"
	exit 0
fi
promtool check rules examples/prometheus/alerts.yml
promtool test rules examples/prometheus/alerts_test.yml

section "metrics: the live page"
port=$(free_port)
go build -o "$work/phone2mqtt" ./cmd/phone2mqtt
env -i PHONE2MQTT_HTTP_ADDR="127.0.0.1:$port" PHONE2MQTT_BROKER_ADDR="127.0.0.1:$(free_port)" PHONE2MQTT_DATA_DIR=none \
	"$work/phone2mqtt" >"$work/log" 2>&1 &
children+=($!)
eventually curl -fsS "http://127.0.0.1:$port/readyz" || { cat "$work/log" >&2; fail "the daemon is not ready"; }
curl -fsS "http://127.0.0.1:$port/incoming_call?mac=001fc11a8b6c&remote=206"
curl -fsS "http://127.0.0.1:$port/metrics" >"$work/metrics"
promtool check metrics <"$work/metrics"
grep -F 'phone2mqtt_events_total{answer="200",event="incoming_call"} 1' "$work/metrics" || fail "the event was not counted"
