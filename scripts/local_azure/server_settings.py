"""Server parameters as PostgreSQL reads them: our own base, and azure.conf, which holds what was set on Azure and is read last."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.local_azure.trouble import Trouble

AZURE_FILE = "azure.conf"
ALLOW_LIST = "azure.extensions"
"""The one parameter of Azure's own that reaches PostgreSQL: SHOW tells it, and the allow-list reads it from the file."""

KEPT: Mapping[str, str] = {
    "shared_preload_libraries": "the embedded tree has no library to preload",
    "session_preload_libraries": "the embedded tree has no library to preload",
    "local_preload_libraries": "the embedded tree has no library to preload",
    "jit_provider": "the embedded tree has no library to preload",
    "dynamic_library_path": "would let a role load foreign code into the machine at hand",
    "shared_buffers": "sized for the memory of an Azure SKU",
    "huge_pages": "sized for the memory of an Azure SKU",
    "temp_tablespaces": "there is no second disk here",
    "listen_addresses": "servers listen on a unix socket only; the gateway is the network",
    "port": "names the socket file",
    "unix_socket_directories": "ours",
    "data_directory": "ours",
    "config_file": "ours",
    "hba_file": "ours",
    "ident_file": "ours",
    "external_pid_file": "ours",
    "logging_collector": "the log is one file",
    "log_destination": "the log is one file",
    "archive_mode": "archiving stays on, restores live on it",
    "archive_command": "archiving stays on, restores live on it",
    "archive_library": "archiving stays on, restores live on it",
    "wal_level": "archiving needs at least replica",
    "dynamic_shared_memory_type": "chosen for this machine",
    "lc_messages": "the locale may be missing on this machine",
    "lc_monetary": "the locale may be missing on this machine",
    "lc_numeric": "the locale may be missing on this machine",
    "lc_time": "the locale may be missing on this machine",
}
"""Known to PostgreSQL and yet never handed to it, each with the reason."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


@dataclass(frozen=True)
class Known:
    """One parameter as the running PostgreSQL tells it. `context` is pg_settings' own word: "postmaster" needs a restart."""

    context: str
    value: str
    unit: str | None
    pending_restart: bool


@dataclass(frozen=True)
class Applied:
    """What became of a set of parameters, by name."""

    applied: frozenset[str]
    """PostgreSQL has them in its file."""
    modelled: frozenset[str]
    """Not known to this PostgreSQL, or KEPT: only the model of the cloud has them."""
    pending_restart: frozenset[str]
    """Those in the file that wait for a restart."""


def reaches(name: str, known: Mapping[str, Known]) -> bool:
    """True if the value of this parameter is handed to PostgreSQL."""
    return name == ALLOW_LIST or (name in known and known[name].context != "internal" and name not in KEPT)


def render(settings: Mapping[str, str]) -> str:
    """azure.conf. Raises Trouble for a name or value that cannot stand in the file."""
    return "# written by the local Azure: what was set on the server, nothing else\n" + "".join(
        f"{_checked(name)} = {quoted(value)}\n" for name, value in sorted(settings.items())
    )


def quoted(value: str) -> str:
    """A value as PostgreSQL's files want it: in quotes, with quotes and backslashes doubled. Raises Trouble for a line break."""
    if any(character in value for character in "\n\r\0"):
        raise Trouble("a server parameter cannot hold a line break")
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def base(socket_folder: Path, archive: Path) -> str:
    """What makes this PostgreSQL ours, written once into base.conf; azure.conf after it may change everything that is not KEPT."""
    return "\n".join(
        (
            "# written by the local Azure",
            "listen_addresses = ''",
            f"unix_socket_directories = {quoted(str(socket_folder))}",
            "unix_socket_permissions = 0700",
            "password_encryption = 'scram-sha-256'",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "log_line_prefix = '%m [%p] %q%u@%d '",
            # A stand-in's data need not survive a power cut of the laptop; they do survive the death of every process here.
            "fsync = off",
            "archive_mode = on",
            f"archive_command = {quoted(_archive_command(archive))}",
            "archive_timeout = 300",  # Azure's recovery point: at most five minutes (azure-facts 3.5)
            f"dynamic_shared_memory_type = {_shared_memory()}",
            "max_connections = 100",
            "max_wal_senders = 10",
            f"include_if_exists = '{AZURE_FILE}'",
            "",
        )
    )


def _archive_command(archive: Path) -> str:
    """Copies a segment whole or not at all, never over another one; a segment that is there already, byte for byte, counts as done."""
    folder = shlex.quote(str(archive).replace("%", "%%"))
    return f'cmp -s "%p" {folder}/%f || {{ test ! -f {folder}/%f && cp "%p" {folder}/%f.part && mv {folder}/%f.part {folder}/%f; }}'


def _shared_memory() -> str:
    """Containers often have 64 MB of /dev/shm, where a parallel index build fails; then files in the data folder serve."""
    try:
        room = os.statvfs("/dev/shm")
    except OSError:
        return "posix" if not os.path.isdir("/proc") else "mmap"
    return "posix" if room.f_frsize * room.f_blocks >= 1 << 30 else "mmap"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Trouble(f"{name!r} is no name of a server parameter")
    return name
