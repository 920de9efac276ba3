"""`make tools` and Azurite: the pinned version is installed once, each package by its digest, with a Node that is new enough."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.house.test_tools import Machine

# Stands for Node: tells its version, what it really is, or what it was asked to run.
NODE = """#!/bin/sh
case "$1" in
--version) echo v{version} ;;
-p) echo "$0" ;;
*) echo "node $1" ;;
esac
"""
# Stands for npm: brings what the script starts later.
NPM = """#!/bin/sh
echo "npm $*" >>"{calls}"
[ -z "{fails}" ] || exit 1
mkdir -p node_modules/azurite/dist/src/blob && : >node_modules/azurite/dist/src/blob/main.js
"""
# Stands for Python: makes an environment whose Python is itself, and installs a Node with npm into it.
PYTHON = """#!/bin/sh
echo "$*" >>"{calls}"
case "$*" in
"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
*" install "*) cp "{theirs}/a-node" "$(dirname "$0")/node"; cp "{theirs}/an-npm" "$(dirname "$0")/npm" ;;
esac
"""


class WithNode(Machine):
    """A machine whose Node, if it has one, comes with npm."""

    def has_node(self, version: str, *, fails: str = "") -> None:
        self.has("node", NODE.format(version=version))
        self.has("npm", NPM.format(calls=self.calls, fails=fails))

    def azurite(self) -> tuple[int, str, list[str]]:
        """The exit code, what was said, and what Python and npm were asked for."""
        self.calls.write_text("", encoding="utf-8")
        self.has("a-node", NODE.format(version="24.0.0"))
        self.has("an-npm", NPM.format(calls=self.calls, fails=""))
        self.has("a-python", PYTHON.format(calls=self.calls, theirs=self.bin))
        command: list[str | Path] = [self.clone / "tools" / "azurite" / "install.sh", self.bin / "a-python"]
        environment = {"PATH": str(self.bin), "HOME": str(self.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stderr, self.calls.read_text(encoding="utf-8").splitlines()

    def starts(self) -> str:
        """What the installed command runs."""
        return subprocess.run([self.clone / ".tools" / "bin" / "azurite-blob"], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> WithNode:
    return WithNode(tmp_path, root)


def test_azurite_is_installed_once_with_the_node_of_path(machine: WithNode) -> None:
    machine.has_node("20.0.0")
    code, said, calls = machine.azurite()
    assert (code, calls) == (0, ["npm ci --loglevel=error --no-update-notifier --ignore-scripts --omit=dev --no-audit --no-fund"]), said
    assert machine.starts() == f"node {machine.clone}/.tools/azurite/node_modules/azurite/dist/src/blob/main.js\n"
    code, said, calls = machine.azurite()
    assert (code, calls) == (0, []), said


@pytest.mark.parametrize("version", ["", "18.19.1", "without npm"])
def test_where_node_is_missing_old_or_without_npm_one_is_installed_with_hashes(version: str, machine: WithNode) -> None:
    if version:
        machine.has_node("20.0.0" if version == "without npm" else version)
    if version == "without npm":
        (machine.bin / "npm").unlink()
    code, said, calls = machine.azurite()
    assert code == 0, said
    assert calls[0] == f"-m venv {machine.clone}/.tools/node"
    assert f"--no-deps --require-hashes --only-binary :all: --requirement {machine.clone}/tools/azurite/node.txt" in calls[1]
    assert calls[2].startswith("npm ci ")
    assert f'"{machine.clone}/.tools/node/bin/node"' in (machine.clone / ".tools" / "bin" / "azurite-blob").read_text(encoding="utf-8")
    assert machine.azurite()[2] == []


def test_an_install_that_broke_off_or_has_other_pins_is_begun_anew(machine: WithNode) -> None:
    machine.has_node("22.0.0", fails="yes")
    code, said, _ = machine.azurite()
    assert code == 1
    assert "\nhint: look at what npm says above and run make tools again\n" in said
    machine.has_node("22.0.0")
    assert len(machine.azurite()[2]) == 1
    with (machine.clone / "tools" / "azurite" / "package-lock.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    assert len(machine.azurite()[2]) == 1


def test_every_package_is_pinned_by_its_digest_and_by_no_address(root: Path) -> None:
    wanted = json.loads((root / "tools" / "azurite" / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((root / "tools" / "azurite" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert lock[""]["dependencies"] == wanted["dependencies"]
    assert lock["node_modules/azurite"]["version"] == wanted["dependencies"]["azurite"]
    assert not [
        name for name, package in lock.items() if name and ("resolved" in package or not package["integrity"].startswith("sha512-"))
    ]


def test_the_script_asks_for_the_node_that_the_packages_ask_for(root: Path) -> None:
    lock = json.loads((root / "tools" / "azurite" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    engines = [package.get("engines", {}) for package in lock.values()]
    asked = {each.get("node", "") for each in engines if isinstance(each, dict)}  # some old ones have a list
    oldest = max(int("".join(filter(str.isdigit, each.partition(".")[0]))) for each in asked if each.startswith(">="))
    script = (root / "tools" / "azurite" / "install.sh").read_text(encoding="utf-8")
    assert f"\noldest_node={oldest}.0.0 " in script
