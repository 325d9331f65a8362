#!/bin/bash
# The daemon under attack: each attack of test/hostile, by those who do not belong. Prints how they
# ended, a line for each kind; the table with what was seen only when one succeeded.
# Arguments go to the run, such as --only tokens.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

section "hostile"
debian mosquitto=mosquitto mosquitto_passwd=mosquitto || fail "the attacks need this"
go build -o "$work/hostile" ./test/hostile
TMPDIR=$work "$work/hostile" "$@" >"$work/table" || {
	cat "$work/table" >&2
	fail "an attack succeeded, or could not be judged: see above"
}
awk -F ' [|] ' '/^[|] [0-9]+ [|]/ {
	if (!($2 in count)) order[++kinds] = $2
	count[$2]++
	ended[$2, $4]++
} END {
	for (k = 1; k <= kinds; k++) {
		s = order[k]
		line = sprintf("%-13s %3d:", s, count[s])
		n = split("refused harmless skipped", outcomes, " ")
		for (o = 1; o <= n; o++) if (ended[s, outcomes[o]]) line = line sprintf(" %d %s", ended[s, outcomes[o]], outcomes[o])
		print line
	}
}' "$work/table"
tail -n 1 "$work/table"
