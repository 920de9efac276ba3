"""Old to new: what a change of an environment, or a plan of operations, does to a server that exists already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.domain.azure import immutables, parameters, skus
from infra.domain.environment import Environment
from infra.domain.problem import Problem
from infra.domain.rules.protection import GUARDED
from infra.domain.rules.rule import refuse, sku, tier, usable_connections, warn
from infra.domain.server_parameters import allow_list, desired

# What holds data or takes it along: the group's deletion deletes everything in it.
HOLDS_DATA = frozenset({immutables.SERVER, "azure-native:dbforpostgresql:Database", "azure-native:resources:ResourceGroup"})
# Operations of Pulumi's plans that end what was there.
_ENDINGS = frozenset({"delete", "replace", "create-replacement", "delete-replaced", "discard", "discard-replaced"})
# Extensions that stop an in-place upgrade (page on major upgrades); the second set only when it goes to 17 or later.
_UPGRADE_BLOCKERS = frozenset({"timescaledb", "postgres_fdw", "session_variable", "pg_hint_plan", "plv8"})
_UPGRADE_BLOCKERS_17 = frozenset({"age", "azure_ai", "hll", "pg_diskann", "pgrouting"})


@dataclass(frozen=True, kw_only=True)
class PlannedOperation:
    """One step of a plan: the resource, its Pulumi type, and what happens (`create`, `same`, `update`, `delete`, `replace` …)."""

    urn: str
    type: str
    operation: str

    @property
    def name(self) -> str:
        """The resource's name, the last part of its URN."""
        return self.urn.rsplit("::", 1)[-1]


def endings(stack: str, operations: Iterable[PlannedOperation]) -> Iterator[Problem]:
    """R1: no planned operation deletes or replaces what holds data; uat and prod refuse it, elsewhere it is a warning."""
    say = refuse if stack in GUARDED else warn
    told: set[str] = set()
    for step in operations:
        if step.type in HOLDS_DATA and step.operation in _ENDINGS and step.urn not in told:
            told.add(step.urn)  # a replacement is three steps of the same resource
            says = f"({step.type}) would be {_ended(step.operation)}, and its data with it"
            yield say(
                "R1",
                step.name,
                says,
                found=step.operation,
                hint="find what changed: zone, login, location and name are decided at creation; restore into a new server instead",
            )


def _ended(operation: str) -> str:
    return "deleted" if operation in ("delete", "discard") else "replaced"


def judge(old: Environment, new: Environment) -> tuple[Problem, ...]:
    """Everything that the change from `old` to `new` breaks, given that the server of `old` exists."""
    faces = (
        another_server,
        creation_choices,
        retention_falls,
        shrinking,
        version_change,
        upgrade_blockers,
        tier_with_standby,
        size_change,
        restarts,
        resets,
    )
    return tuple(problem for face in faces for problem in face(old, new))


def another_server(old: Environment, new: Environment) -> Iterator[Problem]:
    """R1: a new name or place is a new, empty server or database, and the end of the old one."""
    changes = (
        ("server.name", old.server.name, new.server.name),
        ("location", old.location, new.location),
        ("database.name", old.database.name, new.database.name),
    )
    say = refuse if new.name in GUARDED else warn
    for key, before, after in changes:
        if before != after:
            says = f"changes from {before} to {after}: the plan deletes what is there and creates an empty one"
            yield say("R1", key, says, found=after, hint=f"keep {before}; to move, restore or promote into a new environment first")


def creation_choices(old: Environment, new: Environment) -> Iterator[Problem]:
    """R6: what Azure decides at creation. Of a changed flag for geo-redundancy it may make a replacement, an error or nothing."""
    encryption = {False: "service-managed", True: "customer-managed"}
    choices: tuple[tuple[str, object, object], ...] = (
        ("backup.geo_redundant", old.backup.geo_redundant, new.backup.geo_redundant),
        (
            "access.customer_managed_key",
            encryption[old.access.customer_managed_key is not None],
            encryption[new.access.customer_managed_key is not None],
        ),
        ("access.administrator", old.access.administrator, new.access.administrator),
        ("network.mode", old.network.mode, new.network.mode),
    )
    for key, before, after in choices:
        if before != after:
            says = f"changes from {_shown(before)} to {_shown(after)}, which is decided when a server is created"
            yield refuse(
                "R6", key, says, found=after, hint=f"keep {_shown(before)}; the way there is a new server, by point-in-time restore or dump"
            )
    if old.network.mode == new.network.mode == "private" and old.network.subnet != new.network.subnet:
        says = f"changes from {old.network.subnet} to {new.network.subnet}: the delegated subnet of a server stays"
        yield refuse("R6", "network.subnet", says, found=new.network.subnet, hint=f"keep {old.network.subnet}")


def retention_falls(old: Environment, new: Environment) -> Iterator[Problem]:
    """R5: fewer days end the older backups, and with them the points in time that they could be restored to."""
    before, after = old.backup.retention_days, new.backup.retention_days
    if after < before:
        says = f"falls from {before} to {after}: Azure deletes the backups older than {after} days, without return"
        yield refuse("R5", "backup.retention_days", says, found=after, hint=f"retention_days: {before}")


def shrinking(old: Environment, new: Environment) -> Iterator[Problem]:
    """R9: a disk never shrinks, and does not change its kind in place."""
    if new.storage.size_gib < old.storage.size_gib:
        says = f"is {new.storage.size_gib}, but the disk has {old.storage.size_gib} GiB: Azure refuses to shrink it"
        yield refuse(
            "R9",
            "storage.size_gib",
            says,
            found=new.storage.size_gib,
            hint=f"size_gib: {old.storage.size_gib}; smaller only by dump and restore into a new server",
        )
    if new.storage.kind != old.storage.kind:
        says = f"changes from {old.storage.kind} to {new.storage.kind}, which happens only during a restore"
        yield refuse(
            "R9",
            "storage.kind",
            says,
            found=new.storage.kind,
            hint=f"keep {old.storage.kind}; restore into a new server with the other kind",
        )


def version_change(old: Environment, new: Environment) -> Iterator[Problem]:
    """R10: the version only goes up, and only when somebody says so: the upgrade runs inside `pulumi up`."""
    before, after = old.server.version, new.server.version
    if after < before:
        yield refuse(
            "R10",
            "server.version",
            f"is {after}, the server runs {before}: there is no way back in place",
            found=after,
            hint=f"version: {before}",
        )
    elif after > before and not new.server.allow_major_upgrade:
        says = f"is {after}, the server runs {before}: `pulumi up` would upgrade it in place, minutes down and without return"
        yield refuse("R10", "server.version", says, found=after, hint="allow_major_upgrade: true, with a verified copy at hand")


def upgrade_blockers(old: Environment, new: Environment) -> Iterator[Problem]:
    """R10: replicas and some extensions stop an upgrade."""
    if new.server.version <= old.server.version:
        return
    if old.replica is not None:
        yield refuse(
            "R10",
            "replica",
            f"stands in the way of the upgrade to {new.server.version}",
            found=old.replica.location,
            hint="delete the replica first",
        )
    blockers = _UPGRADE_BLOCKERS | (_UPGRADE_BLOCKERS_17 if new.server.version >= 17 else frozenset())
    found = sorted(blockers & set(allow_list(old)))
    if found:
        says = f"holds {', '.join(found)}: the upgrade to {new.server.version} stops while one of them is installed"
        yield refuse("R10", "database.extensions", says, found=found, hint="DROP EXTENSION first, and create it again afterwards")


def tier_with_standby(old: Environment, new: Environment) -> Iterator[Problem]:
    """R18: first the tier, then the standby."""
    leaves = tier(old) == skus.BURSTABLE and tier(new) != skus.BURSTABLE
    if leaves and new.availability.mode != "Disabled" and old.availability.mode == "Disabled":
        says = f"turns to {new.availability.mode} together with {new.server.sku}: Azure refuses the two in one update"
        yield refuse(
            "R18", "availability.mode", says, found=new.availability.mode, hint="first server.sku with mode: Disabled, then the mode"
        )


def size_change(old: Environment, new: Environment) -> Iterator[Problem]:
    """W4: a fixed max_connections does not follow a new SKU."""
    declared, before, after = new.database.parameters.get("max_connections"), sku(old), sku(new)
    if declared is None or before is None or after is None or before.max_connections == after.max_connections:
        return
    says = f"is {declared} and stays so, though {after.name} would get {after.max_connections}"
    yield warn("W4", "database.parameters.max_connections", says, found=declared, hint="remove it: the default of the SKU is then written")


def restarts(old: Environment, new: Environment) -> Iterator[Problem]:
    """W3: changed static parameters wait for a restart."""
    if usable_connections(old) is None or usable_connections(new) is None:
        return
    before = {item.name: item.value for item in desired(old)}
    changed = [item.name for item in desired(new) if _is_static(item.name) and before.get(item.name) != item.value]
    if changed:
        says = f"and what is derived change {', '.join(changed)}: nothing happens until the server is restarted"
        yield warn(
            "W3",
            "database.parameters",
            says,
            found=changed,
            hint="restart once, after the deployment; clients are cut off for about a minute",
        )


def resets(old: Environment, new: Environment) -> Iterator[Problem]:
    """W3: what is no longer declared goes to its default, which is not what a fresh server has."""
    for name in sorted(set(old.database.parameters) - set(new.database.parameters)):
        known = parameters.find(name)
        if known is not None and known.default != known.initial:
            says = f"is no longer set and would be reset to {known.default or 'nothing'}, a fresh server has {known.initial}"
            yield warn(
                "W3", f"database.parameters.{name}", says, found=known.default, hint=f'write "{known.initial}" instead of removing it'
            )


def _is_static(name: str) -> bool:
    known = parameters.find(name)
    return known is not None and not known.dynamic


def _shown(value: object) -> str:
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if value is None or isinstance(value, bool) else str(value)
