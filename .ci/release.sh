#!/bin/bash
# A release as goreleaser makes it, without publishing: archives, packages, the
# same bytes twice. Then the package's life on a Debian of its own, and what
# systemd thinks of its unit.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

# Newer ones want a newer Go.
goreleaser_version=v2.16.0
# What systemd-analyze security may say, in tenths, 0 is closed, 100 open. What is
# left is the network, and /proc of the machine.
exposure=14

section "release: goreleaser"
if ! goreleaser=$(go_tool github.com/goreleaser/goreleaser/v2 "$goreleaser_version"); then
	skip "release, package and unit" "goreleaser $goreleaser_version cannot be installed here"
	exit 0
fi
printf 'goreleaser %s\n' "$goreleaser_version"
debian git=git
skipped=()
if ! command -v syft >/dev/null; then
	skip "SBOM" "syft, which makes it of the archives and packages, is not installed here"
	skipped=(--skip=sbom)
fi

mkdir "$work/tree"
tar -cf - --anchored --exclude=./{.git,bin,data,dist} . | tar -xf - -C "$work/tree"
# release makes a release in a copy of the tree whose only commit has a fixed
# date, and leaves it in dist below the directory.
release() {
	local date=2026-01-02T03:04:05Z
	cp -r "$work/tree" "$1"
	(
		cd "$1"
		git init -q
		git add -A
		GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date git -c user.name=ci -c user.email=ci@localhost commit -q -m ci
		git tag v0.1.0
		# Without a remote goreleaser takes neither the commit's date nor the tag.
		git remote add origin https://github.com/phone2mqtt/phone2mqtt
		quietly "$goreleaser" check && quietly "$goreleaser" release --snapshot --clean "${skipped[@]}"
	)
}
release "$work/one" || fail "goreleaser, see above"
dist=$work/one/dist
cat "$dist/checksums.txt"
for file in linux_{amd64,arm64,armv7}.tar.gz {amd64,arm64,armhf}.deb; do
	grep -q "$file\$" "$dist/checksums.txt" || fail "no $file"
	((${#skipped[@]})) || grep -q '"SPDX-' "$dist/"*"$file.spdx.json" || fail "no SBOM of $file"
done

section "release: the same bytes again"
# Another directory, at another time.
release "$work/another" || fail "goreleaser, see above"
# An SBOM holds the time when it was made.
diff <(grep -v '\.spdx\.json$' "$dist/checksums.txt") <(grep -v '\.spdx\.json$' "$work/another/dist/checksums.txt") || fail "another build of the same commit differs"

section "release: the package"
package=$(echo "$dist"/*_"$(dpkg --print-architecture)".deb)
[[ -e $package ]] || { skip "package and unit" "no release for $(dpkg --print-architecture)"; exit 0; }
root=$work/root
mkdir -p "$root"/{usr/bin,usr/lib,run/systemd/system,var/lib/dpkg/{info,updates}} "$work/bin"
ln -s usr/lib "$root/lib"
touch "$root/var/lib/dpkg/"{status,available}
printf '#!/bin/sh\necho "systemctl $*" >>"%s"\n' "$work/systemctl" >"$work/bin/systemctl"
chmod 755 "$work/bin/systemctl"
# debian_of_its_own runs dpkg on that root: its scripts run here, with DPKG_ROOT
# set and a systemctl that only notes its calls.
debian_of_its_own() {
	: >"$work/systemctl"
	PATH="$work/bin:$PATH" quietly dpkg --root="$root" --force-script-chrootless --force-not-root --force-depends "$@" || fail "dpkg $*"
}
called() { [[ $(cat "$work/systemctl") == "$2" ]] || fail "$1 called: $(cat "$work/systemctl")"; }
debian_of_its_own --install "$package"
called "the installation" "systemctl daemon-reload"
[[ $("$root/usr/bin/phone2mqtt" version) == "phone2mqtt 0.1.1-snapshot"* ]] || fail "the version is $("$root/usr/bin/phone2mqtt" version)"
settings=$root/etc/phone2mqtt/phone2mqtt.env
[[ $(stat -c %a "$settings") == 640 ]] || fail "everyone may read the settings"
echo '# mine' >>"$settings"
debian_of_its_own --install "$package"
called "the upgrade" $'systemctl daemon-reload\nsystemctl try-restart phone2mqtt.service'
grep -q mine "$settings" || fail "an upgrade overwrites the settings"
cp -r "$root" "$work/installed"
mkdir -p "$root/var/lib/private/phone2mqtt"
debian_of_its_own --remove phone2mqtt
called "the removal" $'systemctl disable --now phone2mqtt.service\nsystemctl daemon-reload'
[[ -e $settings && -d $root/var/lib/private/phone2mqtt ]] || fail "removing takes the settings or the store"
debian_of_its_own --purge phone2mqtt
[[ ! -e $settings && ! -e $root/var/lib/private/phone2mqtt ]] || fail "purging leaves the settings or the store"
printf 'installed, upgraded, removed and purged %s\n' "${package##*/}"

# The settings as they come, with every line that is switched off switched on,
# are settings that the program and a shell know.
sed -E 's/^#(PHONE2MQTT_)/\1/; /_FILE=/d' examples/systemd/phone2mqtt.env >"$work/settings"
(set -a && . "$work/settings" && "$work/installed/usr/bin/phone2mqtt" urls >"$work/urls") || fail "phone2mqtt.env, see above"
grep -q 'http://192.168.0.2:8090/incoming_call' "$work/urls" || fail "phone2mqtt.env does not set HTTP_URL"

section "systemd unit"
if ! debian systemd-analyze=systemd; then
	skip "systemd unit" "systemd cannot be installed here"
	exit 0
fi
unit=usr/lib/systemd/system/phone2mqtt.service
systemd-analyze --version | head -n 1
# The units that it is ordered with are those of this machine.
sed "s|/usr/bin/phone2mqtt|$work/installed/usr/bin/phone2mqtt|" "$work/installed/$unit" >"$work/phone2mqtt.service"
chmod 755 "$work"
verdict=$(systemd-analyze verify --man=no "$work/phone2mqtt.service" 2>&1) || fail "$verdict"
# It warns of what it does not know, and succeeds.
[[ -z $verdict ]] || fail "$verdict"
systemd-analyze security --offline=true --threshold="$exposure" --no-pager "$work/phone2mqtt.service" >"$work/security" ||
	{ grep '^✗' "$work/security" >&2; fail "exposed more than $exposure tenths"; }
tail -n 1 "$work/security"
