# shellcheck shell=bash
# What the scripts of this directory share; they source it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A bare job may have no HOME, where Go keeps its caches, and a PATH without the
# places of Go and of mosquitto.
export HOME="${HOME:-/root}"
export PATH="$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin"
# git refuses a checkout that belongs to another user, and go build with it.
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"

# Tools are installed once, each version into a directory of its own.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/phone2mqtt-ci"
work=$(mktemp -d)
policy=
children=()
cleanup() {
	# A section that failed leaves its programs running.
	if ((${#children[@]})); then { kill -KILL "${children[@]}" && wait "${children[@]}"; } 2>/dev/null || true; fi
	rm -rf "$work"
	if [[ -n $policy ]]; then rm -f "$policy"; fi
}
trap cleanup EXIT

section() { printf '\n== %s (%ds)\n' "$1" "$SECONDS"; }
fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}
# skip names what was not checked, and why.
skip() { printf 'SKIP: %s: %s\n' "$1" "$2"; }

# quietly runs a command whose output matters only when it fails.
quietly() {
	"$@" >"$work/output" 2>&1 </dev/null && return
	tail -n 30 "$work/output" >&2
	return 1
}

# go_tool installs a program that is written in Go, package and version, where it is not there yet, and
# prints its file.
go_tool() {
	local name dir
	name=$(sed -E 's|/v[0-9]+$||; s|.*/||' <<<"$1")
	dir=$cache/$name-$2
	[[ -x $dir/$name ]] || GOBIN=$dir quietly go install "$1@$2" || return
	printf '%s\n' "$dir/$name"
}

# debian installs the packages whose program is missing: program=package ...
debian() {
	local pair missing=()
	for pair; do command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}"); done
	((${#missing[@]})) || return 0
	if [[ $EUID -ne 0 ]]; then
		printf 'as root, install: %s\n' "${missing[*]}" >&2
		return 1
	fi
	# Without this a package would start its service, and leave it running.
	if [[ ! -e /usr/sbin/policy-rc.d ]]; then
		policy=/usr/sbin/policy-rc.d
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	quietly apt-get -qq update && quietly apt-get -qq install -y --no-install-recommends "${missing[@]}" || return
	printf 'installed: %s\n' "${missing[*]}"
}

# free_port prints a port that nobody listens on.
free_port() {
	local port
	for port in $(shuf -i 20000-29999 -n 50); do
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s\n' "$port"; return; }
	done
	fail "no free port"
}

# eventually waits up to 10 s for a command to succeed.
eventually() {
	local deadline=$((SECONDS + 10))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}
listening() { : <"/dev/tcp/127.0.0.1/$1"; }
