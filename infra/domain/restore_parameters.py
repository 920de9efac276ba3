"""Server parameters for the time of a logical restore: which are raised, to what and why, and which are left alone.

What Azure itself advises for pg_restore is the list (see ADVICE), cut down to what this server can bear: its memory, cores and disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.domain.azure import parameters
from infra.domain.environment import Environment
from infra.domain.sizing import build_memory_kib, parallel_maintenance_workers

ADVICE = "https://learn.microsoft.com/azure/postgresql/flexible-server/how-to-pgdump-restore"
# Both figures are Azure's advice: 64 GB of log, which is also the largest value it takes, and an hour.
_MOST_WAL_MB, _CHECKPOINT_SECONDS = 65_536, 3_600
# The disk has to hold the data, the indexes and the log; with a quarter for the log the server stays far from turning read-only.
_WAL_SHARE_OF_DISK = 4
_MB_PER_GIB = 1024


@dataclass(frozen=True, kw_only=True)
class Raise:
    """One parameter that is changed for the restore; the value is text in the parameter's base unit, as Azure wants it."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, kw_only=True)
class LeftAlone:
    """Something that would speed a restore up as well, and why it is not touched."""

    name: str
    why: str


def raises(environment: Environment, present: Mapping[str, str]) -> tuple[Raise, ...]:
    """What is changed on a server of this environment that has these values now, in the order in which it is to be written.

    A parameter that is not in `present`, that is as good already, or that only a restart would change is not among them.
    """
    return tuple(each for each in _wanted(environment, present) if _helps(each, present.get(each.name)))


def left_alone() -> tuple[LeftAlone, ...]:
    """What is not raised although it would help, with the reason."""
    return tuple(LeftAlone(name=name, why=why) for name, why in _LEFT_ALONE.items())


def same(one: str, other: str) -> bool:
    """Whether Azure means the same value by both: neither the case of a word nor the spelling of a number counts."""
    first, second = one.strip().lower(), other.strip().lower()
    if first == second:
        return True
    try:
        return float(first) == float(second)
    except ValueError:
        return False


def _wanted(environment: Environment, present: Mapping[str, str]) -> Iterator[Raise]:
    log = min(_MOST_WAL_MB, environment.storage.size_gib * _MB_PER_GIB // _WAL_SHARE_OF_DISK)
    yield _is(
        "max_wal_size", log, "fewer checkpoints by volume: Azure's advice is 64 GB, and a quarter of the disk is what the log may take"
    )
    yield _is("checkpoint_timeout", _CHECKPOINT_SECONDS, "a checkpoint an hour is Azure's advice; a crash meanwhile recovers longer")
    yield _is("wal_compression", "on", "Azure's advice: the log of a restore is mostly whole pages, and they shrink")
    yield _is(
        "maintenance_work_mem", build_memory_kib(environment), "a quarter of the memory for one build at a time, at most Azure's 2097151 kB"
    )
    yield _is(
        "max_parallel_maintenance_workers", _workers(environment, present), "a core for each worker beside the leader of an index build"
    )
    # Last, so that it is the first to be put back: a server without it decays.
    yield _is("autovacuum", "off", "Azure's advice: it would read half-loaded tables; the restore itself runs ANALYZE")


def _is(name: str, value: str | int, why: str) -> Raise:
    return Raise(name=name, value=str(value), why=why)


def _workers(environment: Environment, present: Mapping[str, str]) -> int:
    """More than the server's own limits are never started: one of those is static, the other a choice of somebody's."""
    limits = (_number(present.get(name, "")) for name in ("max_worker_processes", "max_parallel_workers"))
    return int(min([parallel_maintenance_workers(environment), *(limit for limit in limits if limit is not None)]))


def _helps(wanted: Raise, present: str | None) -> bool:
    known = parameters.find(wanted.name)
    if present is None or known is None or known.read_only or not known.dynamic or parameters.refusal(wanted.name, wanted.value):
        return False
    if known.kind in ("Integer", "Numeric"):
        now = _number(present)
        return now is not None and now < float(wanted.value)
    # wal_compression: pglz and lz4 compress as well as on does.
    return present.strip().lower() == ("on" if wanted.value == "off" else "off")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


_LEFT_ALONE: Mapping[str, str] = {
    "shared_buffers": "static: two restarts, and a quarter of the memory is right for a restore too",
    "wal_buffers": "static: two restarts",
    "max_worker_processes": "static: two restarts; parallel workers stay within it",
    "wal_level": "static, and Azure offers no minimal",
    "max_parallel_workers": "its default of 8 is no less than the static max_worker_processes; a lower one is somebody's choice",
    "work_mem": "a session sets its own; on the server it would hold for every connection of the application",
    "full_page_writes": "read-only on Azure",
    "fsync": "read-only on Azure",
    "synchronous_commit": "read-only on Azure; a session sets its own, and a COPY commits once a table",
    "maintenance_io_concurrency": "read-only on Azure",
    "archive_timeout": "read-only on Azure, and the recovery point hangs on it",
    "high availability": "no parameter; off took 17 minutes and on 6 in recordings, without a standby meanwhile: a person decides",
}
