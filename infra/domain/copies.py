"""Which copy fits a tier, what it is called, which copies are proved, and which one lets a migration through."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from infra.domain import sizing
from infra.domain.azure import skus, storage
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from infra.domain.problem import Verdict

# How far two clocks may stand apart before an age computed from both means nothing: what Azure's own tokens allow.
CLOCKS_APART = timedelta(minutes=5)
# Azure takes 128 characters (azure-facts 3.3); environment, time and what separates them need 26 at most.
SLUG_LENGTH = 60
_TIME = "%Y%m%dT%H%M%SZ"


class Form(StrEnum):
    """What kind of copy it is."""

    ON_DEMAND = "on-demand backup"
    LOGICAL = "logical dump"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The form of copy that fits an environment, and the sentence that says why."""

    form: Form
    why: str


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One copy as the ledger knows it. `server` is the ARM id of a backup's server, the name of a dump's; `proof` says what proved it.

    `place` and `manifest`, its SHA-256, are those of a logical dump.
    """

    name: str
    form: str
    stack: str
    server: str
    completed: datetime
    reason: str
    verified: bool = False
    proof: str = "never verified"
    removed: bool = False
    place: str = ""
    manifest: str = ""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One backup as Azure lists it; `completed` is None while it runs."""

    name: str
    on_demand: bool
    completed: datetime | None


def choice(environment: Environment) -> Choice:
    """An on-demand backup on General Purpose and Memory Optimized with Premium SSD (azure-facts 3.3), elsewhere a logical dump."""
    tier, kind = sizing.sku_of(environment).tier, environment.storage.kind
    if tier == skus.BURSTABLE:
        return Choice(form=Form.LOGICAL, why=f"Azure has no on-demand backup on Burstable ({environment.server.sku})")
    if kind != storage.PREMIUM_LRS:
        return Choice(form=Form.LOGICAL, why=f"Azure has no on-demand backup with storage of kind {kind}")
    return Choice(form=Form.ON_DEMAND, why=f"{environment.server.sku} on {kind} has on-demand backups")


def copy_name(environment: str, reason: str, at: datetime) -> str:
    """The name of a copy: environment, reason and UTC time to the second, in characters that Azure takes."""
    slug = re.sub(r"[^a-z0-9]+", "-", reason.lower())[:SLUG_LENGTH].strip("-") or "snapshot"
    return f"{environment}-{slug}-{at.astimezone(UTC).strftime(_TIME)}"


def is_ours(environment: str, name: str) -> bool:
    """Whether a name is one that `copy_name` makes; what others made is not ours to delete."""
    return re.fullmatch(rf"{re.escape(environment)}-[a-z0-9-]+-\d{{8}}T\d{{6}}Z", name) is not None


def in_window(completed: datetime | None, begun: datetime, earliest: datetime | None, now: datetime) -> Verdict:
    """Whether a backup is complete and a restore could start from it. `begun` is when it was asked for."""
    if completed is None:
        return Verdict(ok=False, reason="has no completion time")
    if earliest is None:
        return Verdict(ok=False, reason="the server has no earliestRestoreDate yet, nothing can be restored")
    if completed < earliest:
        says = f"completed {completed.isoformat()}, before the restore window that begins {earliest.isoformat()}"
        return Verdict(ok=False, reason=says, expected=earliest, found=completed)
    if completed < begun - CLOCKS_APART:
        return Verdict(ok=False, reason=f"completed {completed.isoformat()}, before it was asked for", expected=begun, found=completed)
    if completed > now + CLOCKS_APART:
        return Verdict(ok=False, reason=f"completed {completed.isoformat()}, in the future by this clock", expected=now, found=completed)
    return Verdict(ok=True, reason=f"completed {completed.isoformat()}, restorable since {earliest.isoformat()}", found=completed)


# What a proof says that is worth the name.
RESTORED = "restored into a server of its own: rows, vectors and exact answers are equal"


def logical_facts(completed: str, reason: str, place: str, manifest: str) -> dict[str, str]:
    """What the ledger says of a logical dump: when (ISO 8601), why, where it is, and the SHA-256 of its manifest."""
    return {"form": Form.LOGICAL.value, "completed": completed, "reason": reason, "place": place, "manifest": manifest}


def proof_facts(ok: bool, evidence: str) -> dict[str, str]:
    """What the ledger says of a proof."""
    return {"verdict": "ok" if ok else "failed", "evidence": evidence}


def copies_of(records: Iterable[Record], stack: str, *server: str) -> tuple[Copy, ...]:
    """The copies of one server, oldest first, each with what its last proof said. A server has two names: its own, and its ARM id."""
    found: dict[str, Copy] = {}
    known = {each.lower() for each in server}
    for record in records:
        if record.stack != stack or record.server.lower() not in known:
            continue
        facts = record.facts
        if record.kind is Kind.COPY:
            found[record.copy] = Copy(
                name=record.copy, form=facts["form"], stack=stack, server=record.server,
                completed=datetime.fromisoformat(facts["completed"]), reason=facts.get("reason", ""),
                place=facts.get("place", ""), manifest=facts.get("manifest", ""),
            )  # fmt: skip
        elif record.copy in found and record.kind is Kind.PROOF:
            found[record.copy] = replace(found[record.copy], verified=facts["verdict"] == "ok", proof=facts["evidence"])
        elif record.copy in found and record.kind is Kind.REMOVED:
            found[record.copy] = replace(found[record.copy], removed=True)
    return tuple(sorted(found.values(), key=lambda copy: copy.completed))


def still_there(
    copies: Iterable[Copy], listed: Iterable[Listed], earliest: datetime | None, dumps: Container[str] = ()
) -> tuple[Copy, ...]:
    """Those that are as they were proved: backups listed with the same completion time and in the restore window, and the `dumps` found."""
    times = {backup.name: backup.completed for backup in listed if backup.on_demand}

    def stands(copy: Copy) -> bool:
        return earliest is not None and times.get(copy.name) == copy.completed and copy.completed >= earliest

    return tuple(copy for copy in copies if (stands(copy) if copy.form == Form.ON_DEMAND else copy.name in dumps))


def admitted(copies: Sequence[Copy], hours: int, now: datetime) -> tuple[Copy | None, Verdict]:
    """The newest verified copy younger than `hours`, or None; and the sentence that says so."""
    oldest = now - timedelta(hours=hours)
    proved = [copy for copy in copies if copy.verified and not copy.removed and copy.completed <= now + CLOCKS_APART]
    if not proved:
        unproved = [copy for copy in copies if not copy.removed]
        more = f"; {unproved[-1].name}: {unproved[-1].proof}" if unproved else ""
        return None, Verdict(ok=False, reason=f"there is no verified copy{more}", expected=oldest)
    newest = max(proved, key=lambda copy: copy.completed)
    age = age_hours(newest.completed, now)
    if newest.completed <= oldest:
        says = f"the newest verified copy, {newest.name}, is {age:.1f} h old, and {hours} h is the limit"
        return None, Verdict(ok=False, reason=says, expected=oldest, found=newest.completed)
    says = f"{newest.name} ({newest.form}) is {age:.1f} h old, and {hours} h is the limit"
    return newest, Verdict(ok=True, reason=says, expected=oldest, found=newest.completed)


def age_hours(completed: datetime, now: datetime) -> float:
    """How old a copy is, in hours; not below zero where the two clocks differ a little."""
    return max(0.0, (now - completed).total_seconds() / 3600)


def to_prune(environment: str, listed: Sequence[Listed], keep: int) -> tuple[Listed, ...]:
    """The oldest copies of ours beyond the newest `keep` on-demand backups of the server, oldest first; never the newest one."""
    finished = [backup for backup in listed if backup.on_demand and backup.completed is not None]
    ordered = sorted(finished, key=lambda backup: (str(backup.completed), backup.name))
    surplus = len(ordered) - max(keep, 1)
    ours = [backup for backup in ordered[:-1] if is_ours(environment, backup.name)]
    return tuple(ours[: max(surplus, 0)])
