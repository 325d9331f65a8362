#!/bin/bash
# The flows of examples/node-red in a real Node-RED, with the daemon, mosquitto and
# simulated phones. It is installed once, about 120 MB and 20 s.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

# Node-RED 5 wants a newer Node than Debian stable has.
version=4.1.15
home=$cache/node-red-$version

install_node_red() {
	# It needs no script of any package, so none may run.
	quietly npm install --prefix "$work/node-red" --ignore-scripts --omit=dev --no-audit --no-fund \
		--no-update-notifier "node-red@$version" || return
	rm -rf "$home"
	mkdir -p "$cache"
	mv "$work/node-red" "$home"
}

section "Node-RED: installation"
debian mosquitto=mosquitto || fail "the tests need this"
if ! debian node=nodejs npm=npm; then
	skip "Node-RED $version" "Node cannot be installed here"
	exit 0
fi
export NODE_RED=$home/node_modules/node-red/red.js
if [[ ! -e $NODE_RED ]] && ! install_node_red; then
	skip "Node-RED $version" "npm cannot install it here, see above"
	exit 0
fi
printf 'Node-RED %s, Node %s, %s\n' "$version" "$(node --version)" "$(du -sh "$home" | cut -f 1)"

section "Node-RED: the flows"
if ! TEST_REQUIRE=nodered,mosquitto go test -race -count=1 -v -run TestNodeRED ./test/nodered >"$work/tests" 2>&1; then
	cat "$work/tests" >&2
	fail "flows in Node-RED, see above"
fi
grep -E '^ *--- |^ok' "$work/tests"
