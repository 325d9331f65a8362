#!/bin/bash
# Every fuzz target of the product for a short while, as many at a time as there are
# processors, from where the last time ended: what is found is kept in Go's build
# cache. For longer:
#   go test -run '^$' -fuzz '^FuzzServer$' -fuzztime 5m ./phone/action
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

each=10 # seconds

section "fuzz"
# What reads bytes only in tests is no target.
mapfile -t targets < <(grep -rE --include='*_test.go' '^func Fuzz' . | grep -vE '^\./(test|bridge/homeassistant/hatest)/' |
	sed -nE 's#^(\./.*)/[^/]+:func (Fuzz[A-Za-z0-9_]*)\(.*#\1 \2#p' | sort)
((${#targets[@]})) || fail "no fuzz target was found"
printf '%d targets, %d s each\n' "${#targets[@]}" "$each"

# ran_out tells that a run came to nothing but its end: when the time is over, Go's
# coordinator may take that for a failure (golang/go#75804, mended in Go 1.27). Then
# its message stands alone, and no input failed.
ran_out() {
	grep -qx '    context deadline exceeded' "$1" && ! grep -qE 'Failing input|failure while|panic|hung|FAIL: .*/' "$1"
}

# fuzz runs one target.
fuzz() {
	local folder=$1 name=$2 output="$work/$2-${1//\//-}" corpus="$1/testdata/fuzz/$2" before found
	before=$(ls "$corpus" 2>/dev/null || true)
	if go test -run '^$' -fuzz "^$name\$" -fuzztime "${each}s" -fuzzminimizetime 20x -parallel 1 "$folder" >"$output" 2>&1 || ran_out "$output"; then
		printf '%-22s %-18s %s\n' "$folder" "$name" "$(grep 'execs:' "$output" | tail -n 1 | sed -E 's/.*(execs: [0-9]+).*total: ([0-9]+).*/\1, \2 kinds of input/')"
		return
	fi
	cat "$output" >&2
	# It is shown, and not left in the checkout.
	for found in $(comm -13 <(printf '%s\n' "$before") <(ls "$corpus" 2>/dev/null || true)); do
		printf 'input of %s, to be kept as %s/%s:\n' "$name" "$corpus" "$found" >&2
		cat "$corpus/$found" >&2
		rm "$corpus/$found"
	done
	if [[ -d $corpus ]]; then rmdir -p --ignore-fail-on-non-empty "$corpus"; fi
	printf '%s %s\n' "$folder" "$name" >>"$work/failed"
}

for target in "${targets[@]}"; do
	while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n; done
	# shellcheck disable=SC2086 # a folder and a name
	fuzz $target &
done
wait
[[ ! -e $work/failed ]] || fail "$(<"$work/failed")"
