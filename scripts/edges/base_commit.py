"""The files of a commit, put into a temporary folder: nothing is checked out, and the working tree is not touched."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.edges.exits import BAD, CONFIGURATION, USAGE, Failure

# An archive of this project takes some tens of milliseconds; a minute is a machine in trouble.
_SECONDS = 60.0
# Where git looks and what it speaks are ours to say; what else is in the environment (hooks set GIT_DIR) would lead it elsewhere.
_KEPT = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_COUNT")


@dataclass(frozen=True)
class Commit:
    """A commit and its files: what the person called it, its whole hash, and the folder that holds them."""

    asked: str
    sha: str
    folder: Path

    @property
    def told(self) -> str:
        """`main (1a2b3c4d5e6f)`: how a report names it."""
        short = self.sha[:12]
        return short if self.sha.startswith(self.asked) else f"{self.asked} ({short})"


@contextmanager
def files_of(revision: str, folder: Path) -> Iterator[Commit]:
    """The files of `revision` as they stood in `folder` then, in a temporary folder that goes away at the end.

    `folder` may be any folder of the repository. Raises Failure where there is no git, no repository, no such commit (a shallow
    clone is named as the cause), or no such folder in that commit.
    """
    place = _git(folder, "rev-parse", "--show-prefix")
    if place.returncode:
        raise _no_repository(place, folder)
    sha = _commit(revision, folder)
    tree = f"{sha}:{_text(place.stdout)}" if _text(place.stdout) else sha
    packed = _git(folder, "archive", "--format=tar", tree)
    if packed.returncode:
        raise Failure(BAD, f"{revision} cannot be read: {_said(packed)}", hint="had that commit this folder already?")
    with tempfile.TemporaryDirectory(prefix="agentmem-base-") as made:
        _unpack(packed.stdout, Path(made))
        yield Commit(revision, sha, Path(made).resolve())


def head_of(folder: Path) -> str:
    """The commit of the working tree in short, and whether more than it is there; "" where nobody knows."""
    found = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    more = " with what is not committed" if changed.stdout.strip() else ""
    return "" if found.returncode else f"{_text(found.stdout)[:12]}{more}"


def _commit(revision: str, folder: Path) -> str:
    """The whole hash. A branch that only the remote has is found there: a runner's clone has no branches of its own."""
    for name in (revision, f"origin/{revision}"):
        found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found.returncode == 0:
            return _text(found.stdout)
    if _text(_git(folder, "rev-parse", "--is-shallow-repository").stdout) == "true":
        hint = f"git fetch --depth=1 origin {revision}, or fetch-depth: 0 in the checkout of the workflow"
        raise Failure(BAD, f"{revision} is not in this clone, which is a shallow one: nothing can be compared", hint=hint)
    raise Failure(USAGE, f"{revision} is no commit of this repository", hint="a branch, a tag or a hash: git log --oneline")


def _no_repository(done: subprocess.CompletedProcess[bytes], folder: Path) -> Failure:
    if b"dubious ownership" in done.stderr:
        return Failure(
            CONFIGURATION, f"git does not trust {folder.resolve()}: it belongs to somebody else", hint="git config safe.directory"
        )
    return Failure(CONFIGURATION, f"{folder.resolve()} is in no git repository, so there is no base to compare with", hint="--folder")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    git = shutil.which("git")
    if git is None:
        raise Failure(CONFIGURATION, "no git on PATH, so there is no base to compare with", hint="install git")
    environment = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("GIT_CONFIG_")}
    try:
        return subprocess.run(
            [git, *arguments], cwd=folder, env={**environment, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (NotADirectoryError, FileNotFoundError):
        raise Failure(USAGE, f"{folder} is no folder", hint="--folder") from None
    except subprocess.TimeoutExpired:
        raise Failure(BAD, f"git {arguments[0]} did not end within {_SECONDS:g} s") from None


def _unpack(packed: bytes, folder: Path) -> None:
    """The filter keeps links and names that lead out of the folder from being written."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        try:
            archive.extractall(folder, filter="data")
        except tarfile.FilterError as error:
            raise Failure(BAD, f"this commit holds a file that must not be unpacked: {error}") from None


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip()


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = _text(done.stderr).splitlines()
    return lines[-1].removeprefix("fatal: ") if lines else f"git ended with {done.returncode}"
