#!/bin/sh
# Puts a Checkov into .tools/bin, in a virtual environment of its own, for it needs other versions of what the product needs too.
# The pinned version is always ours: what Checkov finds depends on its version, and the tests name its findings.
#   install.sh PYTHON      PYTHON makes the virtual environment
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
python=$1
bin=$root/.tools/bin
venv=$root/.tools/checkov
version=$(sed -n 's/^checkov==\([0-9.]*\).*/\1/p' "$here/requirements.txt")

say() { echo "make tools: $*" >&2; }

is_whole() {  # A stamp is written last: an install that was killed has none, one of other pins another.
	cmp -s "$here/requirements.txt" "$venv/installed-requirements.txt" && "$venv/bin/python" -c '' 2>/dev/null
}

install() {
	say "installing Checkov $version into .tools/checkov: half a minute, 300 MB, once"
	rm -rf "$venv"
	# Compiled here, unlike the Azure CLI: every run of Checkov imports nearly all that it has.
	"$python" -m venv "$venv" && "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --no-deps \
		--require-hashes --only-binary :all: --requirement "$here/requirements.txt" || {
		say "no Checkov could be installed; the engine and the Azure CLI are there, and tests of Checkov are left out"
		echo "hint: look at what pip says above and run make tools again" >&2
		exit 1
	}
	cp "$here/requirements.txt" "$venv/installed-requirements.txt"
}

is_whole || install
mkdir -p "$bin"
ln -sf "$venv/bin/checkov" "$bin/checkov"
say "Checkov $version is in .tools/bin"
