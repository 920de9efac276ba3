"""The image holds what its command needs, nothing of this machine, and no secret; its user is not root."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

# `COPY a b ./`, with what stands before the last word as sources; a copy from another stage has none here.
_COPY = re.compile(r"^COPY (?!--from)(.+) (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def sources(dockerfile: str) -> list[str]:
    return [source for copied, _ in _COPY.findall(dockerfile) for source in copied.split()]


def test_what_is_copied_is_there_and_let_in(dockerfile: str, root: Path) -> None:
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "everything is left out that is not named"
    let_in = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert sorted(sources(dockerfile)) == sorted(let_in)
    assert all(list(root.glob(source)) for source in let_in)
    assert not any(fnmatch.fnmatch(name, rule) for rule in let_in for name in (".git", ".env", ".local-azure", "tests", "docs", "build"))


def test_its_packages_are_pinned_with_hashes(dockerfile: str) -> None:
    installs = [line for line in dockerfile.splitlines() if "/pip " in line and " install " in line]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0] and "--only-binary :all:" in installs[0]
    assert "--no-index" in installs[1] and "--no-deps" in installs[1], "our own package brings nothing else from outside"


def test_it_can_dump_over_tls_every_server_that_is_declared(dockerfile: str, root: Path) -> None:
    """The pg_dump among the packages knows no TLS; the one of the base is asked for its version when the image is built."""
    (install,) = [line for line in dockerfile.splitlines() if "apt-get install" in line]
    assert "postgresql-client " in install
    (least,) = re.findall(r'test "\$\(pg_dump --version .*\)" -ge (\d+)$', install)
    assert dockerfile.index("apt-get install") > dockerfile.rindex("FROM "), "it is in what runs, not in what builds"
    declared = [yaml.safe_load(path.read_text(encoding="utf-8"))["config"]["agent-memory:server"] for path in root.glob("Pulumi.*.yaml")]
    assert {server["version"] for server in declared} == {int(least)}


def test_its_user_is_a_number_other_than_root(dockerfile: str) -> None:
    (user,) = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    assert "0" not in user
    assert dockerfile.index("USER") > dockerfile.index("COPY --from=build"), "its files belong to root, who alone may change them"


def test_its_command_is_agentmem(dockerfile: str, root: Path) -> None:
    (entry,) = re.findall(r"^ENTRYPOINT (\[.+\])$", dockerfile, re.MULTILINE)
    (word,) = json.loads(entry)
    assert word in tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]


def test_no_layer_has_a_secret(dockerfile: str) -> None:
    """What is given as an argument or a variable of a build can be read from the image by everybody who has it."""
    given = re.findall(r"^(?:ARG|ENV) +([A-Z_]+)", dockerfile, re.MULTILINE) + re.findall(r"^ +([A-Z_]+)=", dockerfile, re.MULTILINE)
    assert set(given) <= {"BASE", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def test_what_is_copied_is_enough(dockerfile: str, root: Path, tmp_path: Path) -> None:
    """From the copied files alone the command reads a stack file of theirs; the packages are those of this environment."""
    for source in sources(dockerfile):
        for path in root.glob(source):
            if path.is_dir():
                shutil.copytree(path, tmp_path / path.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, tmp_path)
    command = [sys.executable, "-m", "scripts.cli", "check", "--stack", "prod"]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    where = subprocess.run(
        [sys.executable, "-c", "import scripts, sys; sys.stdout.write(scripts.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(tmp_path))
