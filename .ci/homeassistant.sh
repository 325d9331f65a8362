#!/bin/bash
# The real Home Assistant, with the daemon, mosquitto and simulated phones, in a
# network that has nothing but loopback. It is installed once: about 0.9 GB, in a
# minute.
#
#	bash .ci/homeassistant.sh            the tests
#	bash .ci/homeassistant.sh pictures   docs/pictures, with Chromium
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

requirements=test/homeassistant/requirements.txt
version=$(sed -n 's/^homeassistant==//p' "$requirements")
# python_of_testing unpacks Debian testing's Python 3.14, which Home Assistant
# wants, with its libraries below a directory. Nothing of it is installed on this
# machine: no root, no chroot. apt reads the mirror from this machine's own
# sources, and trusts the same keys.
python_of_testing() {
	local root=$1 apt=$work/apt mirror package
	mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Origin: Debian" "Label: Debian" | head -n 1)
	[[ -n $mirror ]] || { echo "apt knows no mirror of Debian" >&2; return 1; }
	mkdir -p "$root" "$apt"/{lists/partial,archives/partial}
	touch "$apt/status"
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s testing main\n' "$mirror" >"$apt/sources.list"
	# A mirror may stand still for longer than the week that testing's index is
	# good for.
	local options=(-qq -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$apt/lists" -o "Dir::State::Status=$apt/status" -o "Dir::Cache=$apt"
		-o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=)
	quietly apt-get "${options[@]}" update &&
		quietly apt-get "${options[@]}" install -y --download-only --no-install-recommends python3.14 python3-pip-whl || return
	for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$root" || return; done
}

# virtual_environment makes one whose python is a script: the program has to run
# on the libraries that came with it, which are newer than this machine's.
virtual_environment() {
	local root=$1 venv=$2 libraries loader
	libraries=$(echo "$root"/usr/lib/*-linux-gnu*)
	loader=$(echo "$root"/usr/lib*/ld-linux-*)
	mkdir -p "$venv/bin"
	printf 'home = %s/usr/bin\ninclude-system-site-packages = false\n' "$root" >"$venv/pyvenv.cfg"
	printf '#!/bin/sh\nexec "%s" --library-path "%s" --argv0 "$0" "%s/usr/bin/python3.14" "$@"\n' \
		"$loader" "$libraries" "$root" >"$venv/bin/python"
	chmod 755 "$venv/bin/python"
}

install_home_assistant() {
	# What an older list asked for.
	rm -rf "$cache"/homeassistant-*
	python_of_testing "$home/debian" && virtual_environment "$home/debian" "$home/venv" || return
	local python=$home/venv/bin/python pip site
	pip=$(echo "$home"/debian/usr/share/python-wheels/pip-*.whl)/pip
	site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	local options=(--no-cache-dir --no-compile --no-deps --only-binary=:all: --no-binary=PyTurboJPEG)
	# Its constraints come with it.
	quietly "$python" "$pip" install "${options[@]}" "homeassistant==$version" &&
		quietly "$python" "$pip" install "${options[@]}" -r "$requirements" -c "$site/homeassistant/package_constraints.txt" || return
	# A page of the frontend has every base component imported. Of what one of them
	# hears voices with there is no wheel for this Python, and nobody speaks here.
	printf 'class MicroVad: pass\n' >"$site/pymicro_vad.py"
	printf 'class AudioProcessor: pass\n' >"$site/pyspeex_noise.py"
	# A second copy of the pages, for browsers of years ago.
	rm -rf "$site/hass_frontend/frontend_es5"
	touch "$home/complete"
}

# compile_home_assistant makes the byte code that otherwise the first start makes,
# while a test waits for it. The components are left out: of their ten thousand files
# few are used.
compile_home_assistant() {
	quietly "$home/venv/bin/python" -m compileall -q -j 2 -x '/homeassistant/components/' \
		"$home"/venv/lib "$home"/debian/usr/lib/python3.14 &&
		touch "$home/compiled"
}

section "Home Assistant: installation"
# Another list or another way to install it is another installation.
recipe=$(cat "$requirements" - <<<"$(declare -f python_of_testing virtual_environment install_home_assistant)")
home=$cache/homeassistant-$version-$(sha256sum <<<"$recipe" | head -c 8)
debian unshare=util-linux ip=iproute2 mosquitto=mosquitto || fail "the tests need these"
if [[ ! -e $home/complete ]] && ! install_home_assistant; then
	skip "Home Assistant $version" "it cannot be installed here, see above"
	exit 0
fi
# An installation of before has none.
[[ -e $home/compiled ]] || compile_home_assistant || fail "Home Assistant cannot be compiled"
export HA_PYTHON=$home/venv/bin/python
printf 'Home Assistant %s, Python %s, %s\n' "$("$HA_PYTHON" -m homeassistant --version)" \
	"$("$HA_PYTHON" -c 'import platform; print(platform.python_version())')" "$(du -sh "$home" | cut -f 1)"

# A network of its own, which only root may make, or who is root in a user
# namespace. Home Assistant looks for a network with multicast before it does
# anything.
isolated=(unshare --net)
((EUID == 0)) || isolated=(unshare --map-root-user --net)
isolated+=(sh -c 'ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo && exec "$@"' sh)
if ! "${isolated[@]}" true 2>/dev/null; then
	skip "Home Assistant $version" "no network namespace can be made here"
	exit 0
fi
export TEST_REQUIRE=homeassistant,mosquitto,chromium
# run runs tests of the package in that network, and lists them.
run() {
	# Outside: inside nothing can be fetched any more.
	go test -race -c -o "$work/homeassistant.test" ./test/homeassistant
	if ! (cd test/homeassistant && "${isolated[@]}" "$work/homeassistant.test" -test.v -test.timeout 15m -test.shuffle on "$@") >"$work/tests" 2>&1; then
		tail -n 200 "$work/tests" >&2
		fail "Home Assistant, see above"
	fi
	grep -e '^ *---' "$work/tests"
}

if [[ ${1:-} == pictures ]]; then
	section "Home Assistant: pictures"
	debian chromium=chromium || fail "the pictures need it"
	mkdir -p docs/pictures
	PICTURES=$PWD/docs/pictures run -test.run TestPictures
	ls -l docs/pictures
	exit 0
fi
section "Home Assistant: tests"
run
