#!/bin/sh
# Puts an Azurite (Azure Blob Storage on this machine, for tests) into .tools/bin, from its npm packages as package-lock.json pins them.
# The pinned version is always ours: what Azurite refuses depends on its version, and the tests count on it.
#   install.sh PYTHON      PYTHON installs a Node where PATH has none that is new enough
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
python=$1
bin=$root/.tools/bin
place=$root/.tools/azurite
venv=$root/.tools/node
oldest_node=20.0.0  # what the pinned packages ask for; Azurite 3.36 asks for 22
version=$(sed -n 's/^    "azurite": "\([0-9.]*\)".*/\1/p' "$here/package.json")

say() { echo "make tools: $*" >&2; }

at_least() {  # VERSION LEAST: true if VERSION is not older
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$2" ]
}

node_version() { "$1" --version 2>/dev/null | sed -n 's/^v\([0-9.]*\).*/\1/p'; }

give_up() {
	say "no Azurite could be installed; the other tools are there, and tests of Blob Storage are left out"
	echo "hint: $1 and run make tools again" >&2
	exit 1
}

find_node() {  # on PATH together with npm, else the one in .tools, else one from the package index
	found=$(node_version node || true)
	if [ -n "$found" ] && at_least "$found" "$oldest_node" && command -v npm >/dev/null; then node=$(command -v node); return; fi
	node=$venv/bin/node
	if [ -n "$(node_version "$node" || true)" ] && cmp -s "$here/node.txt" "$venv/installed-node.txt"; then return; fi
	say "Node on PATH: ${found:-none}, Azurite needs $oldest_node or newer with npm; installing one into .tools/node"
	rm -rf "$venv"
	"$python" -m venv "$venv" && "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --no-compile --no-deps \
		--require-hashes --only-binary :all: --requirement "$here/node.txt" || give_up "install Node $oldest_node or newer with npm yourself"
	cp "$here/node.txt" "$venv/installed-node.txt"
}

is_whole() {  # A stamp is written last: an install that was killed has none, one of other pins another.
	cmp -s "$here/package-lock.json" "$place/installed-package-lock.json"
}

install() {
	say "installing Azurite $version into .tools/azurite: half a minute, 190 MB, once"
	rm -rf "$place"
	mkdir -p "$place"
	cp "$here/package.json" "$here/package-lock.json" "$place"
	# --ignore-scripts: a package shall not run anything here, and none of these needs to.
	(cd "$place" && PATH="$(dirname "$node"):$PATH" npm ci --loglevel=error --no-update-notifier --ignore-scripts --omit=dev --no-audit --no-fund) ||
		give_up "look at what npm says above"
	cp "$here/package-lock.json" "$place/installed-package-lock.json"
}

find_node
is_whole || install
mkdir -p "$bin"
# The program itself: what is called node may only start it, and a signal would end the wrong one.
program=$("$node" -p process.execPath)
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$program" "$place/node_modules/azurite/dist/src/blob/main.js" >"$bin/azurite-blob.new"
chmod 755 "$bin/azurite-blob.new"
mv -f "$bin/azurite-blob.new" "$bin/azurite-blob"
say "Azurite $version is in .tools/bin"
