"""Recovery targets against what the declared features can give, for each class of failure.

Numbers are those that Azure's pages state (high availability, business continuity, backup and restore, replicas).
`None` for an RTO means that Azure names no time: the restores of the service have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from infra.domain.azure import regions, skus, storage
from infra.domain.environment import Environment, RecoveryTarget

FAILURES = ("node", "zone", "corruption", "region", "deletion")

# A failover takes 60 to 120 s; the standby has every committed transaction.
_FAILOVER_MINUTES = 2
# Write-ahead log is archived within five minutes.
_ARCHIVE_MINUTES = 5
# A geo-redundant copy lags by up to an hour.
_GEO_MINUTES = 60
# Forced promotion took 3.5 minutes on an empty server, by a scripted hand; then clients must reconnect.
_PROMOTION_MINUTES = 15
_WEEK_MINUTES = 7 * 24 * 60
# Reviving a server on Premium SSD v2 may lose a day.
_REVIVED_V2_MINUTES = 24 * 60
# A vault restores into a storage account, and Azure names no time for it; what follows is `pg_restore` and the building of indexes.
_AS_FILES = "which restores as files and without a promised time"


class Outcome(StrEnum):
    """How a target compares with what is possible."""

    MET = "met"
    NOT_PROMISED = "not promised"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, kw_only=True)
class Possible:
    """What can be had after one class of failure, in minutes. RPO None: nothing survives; RTO None: nobody names a time.

    `promised` is whether a page of Azure states both numbers; `by` is the means, `why` the sentence for a person.
    """

    rpo_minutes: int | None
    rto_minutes: int | None
    promised: bool
    by: str
    why: str


@dataclass(frozen=True, kw_only=True)
class RecoveryVerdict:
    """The judgement on one target: `why` is a sentence without key, `accepted` the stack's own words."""

    failure: str
    declared: RecoveryTarget
    possible: Possible
    outcome: Outcome
    why: str

    @property
    def accepted(self) -> str | None:
        """How the environment says that it lives with it; None if it does not say."""
        return self.declared.accepted

    @property
    def refused(self) -> bool:
        """Whether the target is neither met nor accepted."""
        return self.outcome is not Outcome.MET and self.accepted is None


def verdicts(environment: Environment) -> Mapping[str, RecoveryVerdict]:
    """The verdict for each class of failure, in the order of FAILURES."""
    return {failure: _verdict(failure, getattr(environment.recovery, failure), possible(environment, failure)) for failure in FAILURES}


def possible(environment: Environment, failure: str) -> Possible:
    """The best that the declared features can give after `failure`."""
    return {"node": _node, "zone": _zone, "corruption": _corruption, "region": _region, "deletion": _deletion}[failure](environment)


def _node(environment: Environment) -> Possible:
    if _has_standby(environment):
        return _failover("the standby takes over")
    why = "a single server is started again on the same disk, and Azure promises no time for it"
    return Possible(rpo_minutes=0, rto_minutes=None, promised=False, by="restart", why=why)


def _zone(environment: Environment) -> Possible:
    if _has_standby(environment) and environment.availability.mode == "ZoneRedundant":
        return _failover("the standby in another zone takes over")
    region = regions.find(environment.location)
    if region is not None and not region.zone_redundant:
        return _region(environment)
    if _remote_replica(environment):
        return _promotion(environment)
    why = "backups are usually kept in several zones, but Azure promises neither that nor a time for point-in-time restore"
    return Possible(rpo_minutes=_ARCHIVE_MINUTES, rto_minutes=None, promised=False, by="point-in-time restore into another zone", why=why)


def _corruption(_: Environment) -> Possible:
    why = "Azure promises no time for point-in-time restore"
    return Possible(rpo_minutes=_ARCHIVE_MINUTES, rto_minutes=None, promised=False, by="point-in-time restore", why=why)


def _region(environment: Environment) -> Possible:
    if _remote_replica(environment):
        return _promotion(environment)
    if environment.backup.geo_redundant:
        why = "geo-restore loses up to 60 min, and Azure promises no time for it"
        return Possible(rpo_minutes=_GEO_MINUTES, rto_minutes=None, promised=False, by="geo-restore", why=why)
    if environment.backup.portable_copies.weekly:
        why = "nothing of Azure's survives the loss of the region, and a weekly portable copy is up to 7 days old"
        return Possible(rpo_minutes=_WEEK_MINUTES, rto_minutes=None, promised=False, by="portable copy kept in another region", why=why)
    vault = environment.backup.long_term
    if vault is not None and vault.redundancy == "GeoRedundant":
        why = f"of Azure's only the vault's weekly copy survives the loss of the region: up to 7 days old, {_AS_FILES}"
        return Possible(rpo_minutes=_WEEK_MINUTES, rto_minutes=None, promised=False, by="vault's copy in the paired region", why=why)
    return Possible(rpo_minutes=None, rto_minutes=None, promised=False, by="nothing", why="nothing survives the loss of the region")


def _deletion(environment: Environment) -> Possible:
    lost = _REVIVED_V2_MINUTES if environment.storage.kind == storage.PREMIUM_V2 else _ARCHIVE_MINUTES
    floors = ["the weekly portable copy"] if environment.backup.portable_copies.weekly else []
    floors += [f"the vault's weekly copy, {_AS_FILES}"] if environment.backup.long_term else []
    floor = f"below that is {' and '.join(floors) or 'nothing'}"
    why = f"a deleted server can be revived for 5 days, which often succeeds and is not guaranteed; {floor}"
    return Possible(rpo_minutes=lost, rto_minutes=None, promised=False, by="revive within five days", why=why)


def _failover(what: str) -> Possible:
    why = f"{what} without losing a transaction, typically within {_FAILOVER_MINUTES} min"
    return Possible(rpo_minutes=0, rto_minutes=_FAILOVER_MINUTES, promised=True, by="failover", why=why)


def _promotion(environment: Environment) -> Possible:
    """By hand, and with the loss that its lag is at that moment: what the alert lets pass unseen counts."""
    lag = max(_ARCHIVE_MINUTES, -(-environment.alerts.replica_lag_seconds // 60))
    why = f"a forced promotion of the replica loses its lag (up to {lag} min unseen) and takes minutes by hand; Azure promises neither"
    return Possible(rpo_minutes=lag, rto_minutes=_PROMOTION_MINUTES, promised=False, by="forced promotion of the replica", why=why)


def _has_standby(environment: Environment) -> bool:
    """A standby that Azure would really make: none on Burstable, whatever is declared."""
    return environment.availability.mode != "Disabled" and skus.family_tier(environment.server.sku) != skus.BURSTABLE


def _remote_replica(environment: Environment) -> bool:
    return environment.replica is not None and environment.replica.location != environment.location


def _verdict(failure: str, target: RecoveryTarget, best: Possible) -> RecoveryVerdict:
    outcome, why = _compare(target, best)
    return RecoveryVerdict(failure=failure, declared=target, possible=best, outcome=outcome, why=why)


def _compare(target: RecoveryTarget, best: Possible) -> tuple[Outcome, str]:
    if best.rpo_minutes is None:
        return Outcome.IMPOSSIBLE, best.why
    if best.rpo_minutes > target.rpo_minutes:
        return Outcome.IMPOSSIBLE, f"at most {_span(target.rpo_minutes)} lost: {best.why}"
    if best.rto_minutes is not None and best.rto_minutes > target.rto_minutes:
        return Outcome.IMPOSSIBLE, f"back within {_span(target.rto_minutes)}: {best.why}"
    if not best.promised:
        return Outcome.NOT_PROMISED, f"back within {_span(target.rto_minutes)}: {best.why}"
    return Outcome.MET, best.why


def _span(minutes: int) -> str:
    """Minutes as a person says them: 15 min, 4 h, 7 days."""
    if minutes and minutes % (24 * 60) == 0 and minutes > 24 * 60:
        return f"{minutes // (24 * 60)} days"
    return f"{minutes // 60} h" if minutes >= 120 and minutes % 60 == 0 else f"{minutes} min"
