#!/bin/bash
# The daemon under torture, in short: two rounds of the faults that take little time, and one with each of
# three daemons that were broken on purpose. All faults: go run ./test/torture --rounds 20 --pairs 60
# Arguments go to the first run, such as --seed 1.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

quick=daemon-kill,daemon-kill-outage,daemon-term,daemon-twin,client-id,broker-kill,broker-emptied
quick+=,net-cut,net-garbage,net-bytes,disk-full,power-cut,store-damaged,phones-401,flood-commands

section "torture"
debian mosquitto=mosquitto || fail "the torture needs this"
go build -o "$work/torture" ./test/torture
"$work/torture" --fault "$quick" --rounds 2 "$@"

# caught MISTAKE FAULT RULE: the torture has to find a daemon with the mistake, by the rule.
caught() {
	if TMPDIR=$work "$work/torture" --broken "$1" --fault "$2" --rounds 2 >"$work/output" 2>&1; then
		fail "a daemon with the mistake '$1' was not caught"
	fi
	grep -m 1 ": $3: " "$work/output" || { tail -n 30 "$work/output" >&2; fail "the torture ended for another reason"; }
}
section "torture: broken daemons are caught"
caught result daemon-twin 'two result'
caught order net-cut disorder
caught fsync power-cut lost
