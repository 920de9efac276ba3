"""`make tools`: what is installed and new enough wins, what was built is kept, and what broke off is begun anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.az.installation import OLDEST

# Stands for Go: tells its version and where modules are, and builds an engine that tells the version that was asked for.
GO = """#!/bin/sh
echo "$*" >>"{calls}"
case "$*" in
"env GOVERSION") echo go{go} ;;
"env GOMODCACHE") echo "{calls}.modules" ;;
install*) mkdir -p "$GOBIN"; [ -z "{fails}" ] || exit 1
	printf '#!/bin/sh\\necho %s\\n' "$(echo "$*" | sed 's/.*Version=\\(v[0-9.]*\\).*/\\1/')" >"$GOBIN/pulumi"; chmod 755 "$GOBIN/pulumi" ;;
esac
"""
# Stands for Python: makes an environment whose Python is itself, and installs the program that was pinned.
PYTHON = """#!/bin/sh
echo "$*" >>"{calls}"
case "$*" in
"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
*" install "*) [ -z "{fails}" ] || exit 1
	printf '#!/bin/sh\necho ours\n' >"$(dirname "$0")/{program}"; chmod 755 "$(dirname "$0")/{program}" ;;
esac
"""
AZ = """#!/bin/sh
[ "$AZURE_CONFIG_DIR" != "{theirs}" ] && echo '{{"azure-cli": "{version}", "extensions": {{}}}}'
"""
# What the script may count on; a PATH with nothing else has no Go and no Pulumi, wherever this machine keeps its own.
TOOLS = ("sh", "cat", "chmod", "cmp", "cp", "dirname", "head", "ln", "mkdir", "mktemp", "mv", "rm", "sed", "sort")


class Machine:
    """A clone under a path with a space, a home folder, and a PATH with the tools of any Unix."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.clone, self.bin, self.calls = folder / "a clone", folder / "bin", folder / "calls"
        self.bin.mkdir()
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        shutil.copytree(root / "tools", self.clone / "tools")
        self.cache = folder / "home" / ".cache" / "agent-memory"
        self.home = folder / "home"

    def has(self, name: str, text: str) -> None:
        """Put a command on PATH."""
        (self.bin / name).write_text(text, encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def has_go(self, version: str = "1.26.0", fails: str = "") -> None:
        self.has("go", GO.format(calls=self.calls, go=version, fails=fails))

    def has_pulumi(self, version: str) -> None:
        self.has("pulumi", f"#!/bin/sh\necho v{version}\n")

    def has_az(self, version: str) -> None:
        """It answers only to somebody who does not use the person's own profile."""
        self.has("az", AZ.format(version=version, theirs=self.home / ".azure"))

    def azure_cli(self, *, fails: str = "") -> tuple[int, str, list[str]]:
        """The exit code, what was said, and what Python was asked for."""
        return self.installed("azure-cli", "az", fails=fails)

    def checkov(self, *, fails: str = "") -> tuple[int, str, list[str]]:
        """The same of a Checkov."""
        return self.installed("checkov", "checkov", fails=fails)

    def installed(self, tool: str, program: str, *, fails: str = "") -> tuple[int, str, list[str]]:
        """A stand-in for Python installs the program of a folder of tools/."""
        self.calls.write_text("", encoding="utf-8")
        self.has("a-python", PYTHON.format(calls=self.calls, fails=fails, program=program))
        python = self.clone / ".tools" / tool / "bin" / "python"
        if python.exists():
            shutil.copy(self.bin / "a-python", python)
        command: list[str | Path] = [self.clone / "tools" / tool / "install.sh", self.bin / "a-python"]
        environment = {"PATH": str(self.bin), "HOME": str(self.home), "AZURE_CONFIG_DIR": str(self.home / ".azure")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stderr, [call for call in self.calls.read_text(encoding="utf-8").splitlines() if call != "-c "]

    def tools(self) -> tuple[int, str, list[str]]:
        """The exit code, what was said, and what Go was asked to build."""
        self.calls.write_text("", encoding="utf-8")
        # A Python that installs nothing: the machine has no network.
        command: list[str | Path] = [self.clone / "tools" / "pulumi-cli" / "build.sh", "false"]
        environment = {"PATH": str(self.bin), "HOME": str(self.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        builds = [line for line in self.calls.read_text(encoding="utf-8").splitlines() if line.startswith("install")]
        return done.returncode, done.stderr, builds

    def built(self) -> str:
        """What the engine in .tools/bin says."""
        return subprocess.run([self.clone / ".tools" / "bin" / "pulumi"], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    return Machine(tmp_path, root)


def test_the_engine_is_built_once_for_the_machine(machine: Machine) -> None:
    machine.has_go()
    code, said, builds = machine.tools()
    assert (code, len(builds)) == (0, 1), said
    assert machine.built() == "v3.259.0\n"
    shutil.rmtree(machine.clone / ".tools")
    code, said, builds = machine.tools()
    assert (code, builds) == (0, []), said
    assert machine.built() == "v3.259.0\n"
    assert [path.name for path in (machine.cache / "pulumi-3.259.0").iterdir()] == ["pulumi"]


def test_a_build_that_broke_off_leaves_nothing_and_begins_anew(machine: Machine) -> None:
    machine.has_go(fails="yes")
    code, _, _ = machine.tools()
    assert code != 0
    assert not (machine.clone / ".tools").exists()
    assert list((machine.cache / "pulumi-3.259.0").iterdir()) == []
    machine.has_go()
    assert machine.tools()[0] == 0


def test_a_kept_engine_that_does_not_run_here_is_built_anew(machine: Machine) -> None:
    kept = machine.cache / "pulumi-3.259.0" / "pulumi"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"\x7fELF of another machine")
    kept.chmod(0o755)
    machine.has_go()
    code, said, builds = machine.tools()
    assert (code, len(builds)) == (0, 1), said


@pytest.mark.parametrize("version", ["3.244.0", "3.300.1", "4.0.0"])
def test_an_installed_engine_that_is_new_enough_wins(machine: Machine, version: str) -> None:
    machine.has_go()
    machine.tools()
    machine.has_pulumi(version)
    code, said, builds = machine.tools()
    assert (code, said, builds) == (0, f"make tools: Pulumi {version} is on PATH\n", [])
    assert not os.path.lexists(machine.clone / ".tools" / "bin" / "pulumi"), "two engines would be one too many"


@pytest.mark.parametrize("version", ["3.243.9", "3.30.0", "2.999.0"])
def test_an_installed_engine_that_is_too_old_does_not(machine: Machine, version: str) -> None:
    machine.has_go()
    machine.has_pulumi(version)
    code, said, builds = machine.tools()
    assert (code, len(builds)) == (0, 1), said


def test_a_go_that_is_too_old_is_named_with_a_way_out(machine: Machine) -> None:
    machine.has_go("1.24.9")
    code, said, builds = machine.tools()
    assert (code, builds) == (1, [])
    assert "Go on PATH: 1.24.9, the engine needs 1.25.11 or newer" in said
    assert "\nhint: install Go 1.25.11 or newer, or Pulumi itself, and run make tools again\n" in said


@pytest.mark.parametrize(("tool", "program"), [("azure-cli", "az"), ("checkov", "checkov")])
def test_a_python_tool_is_installed_once_with_hashes_and_without_surprises(machine: Machine, tool: str, program: str) -> None:
    code, said, calls = machine.installed(tool, program)
    assert code == 0, said
    assert calls[0] == f"-m venv {machine.clone}/.tools/{tool}"
    assert f"--no-deps --require-hashes --only-binary :all: --requirement {machine.clone}/tools/{tool}/requirements.txt" in calls[1]
    assert subprocess.run([machine.clone / ".tools" / "bin" / program], capture_output=True, text=True, check=True).stdout == "ours\n"
    code, said, calls = machine.installed(tool, program)
    assert (code, calls) == (0, []), said


def test_an_azure_cli_whose_install_broke_off_is_installed_anew(machine: Machine) -> None:
    code, said, _ = machine.azure_cli(fails="yes")
    assert code == 1
    assert "no Azure CLI could be installed; the engine is there" in said
    assert "\nhint: install the Azure CLI 2.86.0 or newer yourself, " in said
    code, said, calls = machine.azure_cli()
    assert (code, len(calls)) == (0, 2), said


def test_an_azure_cli_of_other_pins_is_installed_anew(machine: Machine) -> None:
    machine.azure_cli()
    with (machine.clone / "tools" / "azure-cli" / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("another==1\n")
    code, said, calls = machine.azure_cli()
    assert (code, len(calls)) == (0, 2), said


@pytest.mark.parametrize("version", ["2.86.0", "2.91.0", "3.0.0"])
def test_an_installed_azure_cli_that_is_new_enough_wins(machine: Machine, version: str) -> None:
    machine.azure_cli()
    machine.has_az(version)
    assert machine.azure_cli() == (0, f"make tools: the Azure CLI {version} is on PATH\n", [])
    assert not os.path.lexists(machine.clone / ".tools" / "bin" / "az"), "two would be one too many"


@pytest.mark.parametrize("version", ["2.85.9", "2.9.1"])
def test_an_installed_azure_cli_that_is_too_old_does_not(machine: Machine, version: str) -> None:
    machine.has_az(version)
    code, said, calls = machine.azure_cli()
    assert (code, len(calls)) == (0, 2), said


def test_the_azure_cli_is_pinned_with_hashes_and_names_no_host(root: Path) -> None:
    pins = (root / "tools" / "azure-cli" / "requirements.txt").read_text(encoding="utf-8")
    wanted = (root / "tools" / "azure-cli" / "requirements.in").read_text(encoding="utf-8").splitlines()[-1]
    assert f"\n{wanted} " in pins
    assert "://" not in pins
    entries = [entry for entry in pins.replace("\\\n", "").splitlines() if "==" in entry]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_tests_take_the_same_azure_cli_as_make_tools(root: Path) -> None:
    script = (root / "tools" / "azure-cli" / "install.sh").read_text(encoding="utf-8")
    assert f"\noldest={'.'.join(map(str, OLDEST))} " in script
