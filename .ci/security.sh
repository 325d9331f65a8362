#!/bin/bash
# What goes into a release, and what is known against it: that gosec bites, known
# holes, licences, the same bytes from another machine's caches, and what the
# programs say they are made of.
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

govulncheck_version=v1.9.0

section "security: gosec"
# It runs with the other linters, over everything. Here it has to find a hole, with
# the same configuration.
linter=$(find "$cache" -path '*/golangci-lint-*/golangci-lint' | sort -V | tail -n 1)
[[ -n $linter ]] || fail "golangci-lint is not there: .ci/run installs it"
mkdir "$work/hole"
printf 'module hole\n\ngo 1.26\n' >"$work/hole/go.mod"
cat >"$work/hole/main.go" <<-'HOLE'
	// Command hole has some.
	package main

	import (
		"crypto/md5"
		"crypto/tls"
	)

	func main() {
		sum := md5.Sum(nil)
		_ = tls.Config{InsecureSkipVerify: sum[0] > 1}
	}
HOLE
found=$(cd "$work/hole" && "$linter" run --allow-parallel-runners -c "$OLDPWD/.golangci.yml" ./... 2>&1 || true)
for rule in G401 G402 G501; do
	grep -q "$rule.*(gosec)" <<<"$found" || fail "gosec does not find $rule:"$'\n'"$found"
done
printf 'gosec finds G401, G402 and G501 in a program that has them\n'

section "security: govulncheck"
if ! checker=$(go_tool golang.org/x/vuln/cmd/govulncheck "$govulncheck_version"); then
	skip "govulncheck" "$govulncheck_version cannot be installed here"
else
	status=0
	"$checker" ./... >"$work/holes" 2>&1 || status=$?
	if ((status == 0)); then
		tail -n 1 "$work/holes"
	# It ends with 3 when it found something.
	elif ((status != 3)) && grep -q 'fetching vulnerabilities' "$work/holes"; then
		skip "govulncheck" "$(grep -m 1 'fetching vulnerabilities' "$work/holes")"
	else
		cat "$work/holes" >&2
		fail "govulncheck ended with $status"
	fi
fi

section "security: licences"
go run ./test/licenses

section "security: the same bytes again"
# As releases are made, in two directories and with two caches.
flags=$(sed -nE 's/^ *flags: \[(.*)\]$/\1/p' .goreleaser.yaml | tr -d ,)
[[ $flags == "-trimpath -buildvcs=false" ]] || fail ".goreleaser.yaml builds with other flags: $flags"
for build in one two; do
	mkdir "$work/$build"
	tar -cf - --anchored --exclude=./{.git,bin,data,dist} . | tar -xf - -C "$work/$build"
	own=()
	if [[ $build == two ]]; then own=(GOCACHE="$work/gocache"); fi
	# shellcheck disable=SC2086 # the flags are several
	(cd "$work/$build" && env CGO_ENABLED=0 "${own[@]}" go build $flags -ldflags "-s -w -X main.version=1.2.3" -o out/ ./cmd/...) || fail "build $build"
done
for program in phone2mqtt phonesim; do
	cmp "$work/one/out/$program" "$work/two/out/$program" || fail "another build of $program differs"
	(cd "$work/one/out" && sha256sum "$program")
done

section "security: what it is made of"
# A program names its modules with their sums: that is what an SBOM is read from,
# and what go.sum pins.
grep -q '^sboms:' .goreleaser.yaml || fail "releases have no SBOM"
go version -m "$work/one/out/phone2mqtt" | awk '$1 == "dep" { print $2, $3, $4 }' >"$work/modules"
[[ -s $work/modules ]] || fail "the program does not name its modules"
unpinned=$(grep -vxFf go.sum "$work/modules" || true)
[[ -z $unpinned ]] || fail "not pinned by go.sum:"$'\n'"$unpinned"
if grep -q '^replace' go.mod; then fail "go.mod replaces modules"; fi
printf 'phone2mqtt is made of %d modules, each pinned by go.sum\n' "$(wc -l <"$work/modules")"
