"""A new data folder: initdb with Azure's choices, who may log in how, and our own settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from scripts.local_azure.azure_roles import SUPERUSER
from scripts.local_azure.binaries import Binaries, clean_environment
from scripts.local_azure.trouble import Trouble, disk_trouble

PREFERRED = ("en_US.utf8", "C.utf8")
"""Azure's own collation if this machine has it, else the one that sorts by code point and knows UTF-8; C at last."""

ACCESS = f"""# written by the local Azure: a password for everybody, and copies of the whole cluster for our own account alone
local all all scram-sha-256
local replication {SUPERUSER} scram-sha-256
"""


def make_folder(folder: Path, binaries: Binaries) -> None:
    """The cluster's folder, empty, for the server user alone (0700). What an earlier state folder of this path left is removed."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if binaries.user:
            for each in (folder.parent.parent, folder.parent):
                each.chmod(0o711)  # the server user passes through and sees nothing
        for each in (folder, folder / "archive"):
            each.mkdir(mode=0o700)
            binaries.own(each)
    except OSError as error:
        raise disk_trouble(error, folder) from None


def initialise(folder: Path, secret: str, binaries: Binaries) -> None:
    """Makes folder/data with the bootstrap superuser, and settles who may log in. Raises Trouble with initdb's own reason."""
    data = folder / "data"
    with _password_file(folder, secret, binaries) as password:
        done = _ran(
            binaries,
            folder,
            "initdb",
            "-D",
            str(data),
            "-U",
            SUPERUSER,
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--no-sync",
            "--no-instructions",
            "--data-checksums",
            "--encoding=UTF8",
            "--locale-provider=libc",
            f"--locale={cluster_locale()}",
        )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower() or "FATAL" in line] or done.stderr.splitlines()[-1:]
        full = "No space left on device" in done.stderr
        raise Trouble(
            f"{folder}: {'the disk is full' if full else 'initdb failed: ' + ' | '.join(said)}",
            hint="free some space there, or choose another folder with --state" if full else "",
        )
    put(data / "pg_hba.conf", ACCESS, binaries)
    with open(data / "postgresql.conf", "a", encoding="utf-8") as file:
        file.write("\ninclude 'base.conf'\n")


def refused_settings(data: Path, binaries: Binaries) -> str:
    """What PostgreSQL would not take in its files, in its own words; empty when all is well. A running server is left alone.

    The files are read as at a start, so a bad static parameter shows now and not at the next restart.
    """
    done = _ran(binaries, data, "postgres", "-D", str(data), "-C", "data_directory")
    said = [line.partition("LOG:")[2].strip() for line in done.stderr.splitlines() if "LOG:" in line]
    return " | ".join(said) or (done.stderr.strip() if done.returncode else "")


def put(path: Path, text: str, binaries: Binaries) -> None:
    """Writes a file of the data folder for the server user (0600), all of it or nothing. Raises Trouble."""
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        binaries.own(Path(draft))
        os.replace(draft, path)
    except OSError as error:
        raise disk_trouble(error, path) from None


@cache
def machine_locales() -> frozenset[str]:
    """The locales of this machine, spelt as `plain` does."""
    try:
        shown = subprocess.run(["locale", "-a"], capture_output=True, text=True, errors="replace", env=clean_environment())
    except OSError:
        return frozenset()
    return frozenset(plain(each) for each in shown.stdout.split())


def plain(name: str) -> str:
    """One spelling for a locale: "en_US.UTF-8" and "en_US.utf8" are the same."""
    return name.lower().replace("-", "")


def cluster_locale() -> str:
    """The locale of a new cluster on this machine."""
    return next((name for name in (*PREFERRED, "en_US.UTF-8", "C.UTF-8") if plain(name) in machine_locales()), "C")


def _ran(binaries: Binaries, folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program that ends by itself, run in `folder` as the server user."""
    return subprocess.run(
        **binaries.started(name, *arguments),
        capture_output=True,
        text=True,
        errors="replace",
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def _password_file(folder: Path, secret: str, binaries: Binaries) -> Iterator[Path]:
    """initdb takes the superuser's password from a file: an argument would show in the process list."""
    path = folder / ".password"
    put(path, secret + "\n", binaries)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
