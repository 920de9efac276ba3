#!/bin/sh
# Puts an Azure CLI into .tools/bin, in a virtual environment of its own, for it needs other versions of what the product needs too.
# An installation on PATH that is new enough wins: then nothing is installed, and what an earlier run made is taken away.
#   install.sh PYTHON      PYTHON makes the virtual environment
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
python=$1
bin=$root/.tools/bin
venv=$root/.tools/azure-cli
oldest=2.86.0  # from here on --name names the backup, database or rule itself, and --server-name its server
version=$(sed -n 's/^azure-cli==\([0-9.]*\).*/\1/p' "$here/requirements.txt")

say() { echo "make tools: $*" >&2; }

at_least() {  # VERSION LEAST: true if VERSION is not older
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$2" ]
}

az_version() {  # With a profile of its own, so that the question reads and writes nothing of the person's.
	profile=$(mktemp -d)
	AZURE_CONFIG_DIR=$profile AZURE_CORE_COLLECT_TELEMETRY=no "$1" version --output json 2>/dev/null |
		sed -n 's/.*"azure-cli": *"\([0-9.]*\)".*/\1/p'
	rm -rf "$profile"
}

is_whole() {  # A stamp is written last: an install that was killed has none, one of other pins another.
	cmp -s "$here/requirements.txt" "$venv/installed-requirements.txt" && "$venv/bin/python" -c '' 2>/dev/null
}

install() {
	say "installing the Azure CLI $version into .tools/azure-cli: a minute, 400 MB, once"
	rm -rf "$venv"
	# --no-compile: it has tens of thousands of modules, and the few that are used compile at first import.
	"$python" -m venv "$venv" && "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --no-compile --no-deps \
		--require-hashes --only-binary :all: --requirement "$here/requirements.txt" || {
		say "no Azure CLI could be installed; the engine is there, and tests of the Azure CLI are left out"
		echo "hint: install the Azure CLI $oldest or newer yourself, or look at what pip says above and run make tools again" >&2
		exit 1
	}
	cp "$here/requirements.txt" "$venv/installed-requirements.txt"
}

ambient=
[ "$(command -v az || true)" = "$bin/az" ] || ambient=$(az_version az || true)
if [ -n "$ambient" ] && at_least "$ambient" "$oldest"; then
	rm -rf "$bin/az" "$venv"
	say "the Azure CLI $ambient is on PATH"
	exit 0
fi
is_whole || install
mkdir -p "$bin"
ln -sf "$venv/bin/az" "$bin/az"
say "the Azure CLI $version is in .tools/bin"
