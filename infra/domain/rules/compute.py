"""Rules on the compute of a server: SKU and tier, what Burstable cannot do, and the major version."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from infra.domain.azure import regions, skus, storage
from infra.domain.environment import Environment
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, is_burstable, refuse, sku, tier, warn

# Majors that Azure takes new servers of (capabilities of 2026-05-19), and those in paid extended support.
_VERSIONS = range(11, 19)
_EXTENDED = (11, 12, 13)
# Leaves standard support on 2026-12-11.
_LEAVING = 14
# A name at least this similar is taken for a typing error; below it may be a region newer than our table.
_TYPING_ERROR = 0.85
_BURSTABLE = "Burstable has none"
_LARGER = "take a General Purpose SKU, for example Standard_D2ds_v5"
_WHERE_SKUS_ARE = "the names are those of infra/domain/azure/sku_rows.py; a subscription's own capabilities may differ"


def unknown_sku(environment: Environment) -> Iterator[Problem]:
    """R2: the SKU of the server is one that Azure offers for flexible servers."""
    yield from _unknown("server.sku", environment.server.sku)


def unknown_replica_sku(environment: Environment) -> Iterator[Problem]:
    """R2: so is that of the replica."""
    if environment.replica is not None:
        yield from _unknown("replica.sku", environment.replica.sku)


def _unknown(key: str, name: str) -> Iterator[Problem]:
    if skus.find(name) is None:
        says = f"is {name}, which is not a SKU of flexible servers: Azure would refuse the server"
        yield refuse("R2", key, says, found=name, hint=_sku_meant(name) or _WHERE_SKUS_ARE)


def _sku_meant(name: str) -> str:
    """A hint at the SKU that was probably meant; empty if none is close."""
    bare = name.split("_", 1)[1] if name.startswith(("B_", "GP_", "MO_")) else name
    bare = bare if bare.lower().startswith("standard_") else f"Standard_{bare}"
    spelt = {known.lower(): known for known in skus.SKUS}
    close = difflib.get_close_matches(bare.lower(), spelt, n=1)
    return f"did you mean {spelt[close[0]]}?" if close else ""


def unknown_region(environment: Environment) -> Iterator[Problem]:
    """R2: the regions exist, and are written by their short names."""
    yield from _region("location", environment.location)
    if environment.replica is not None:
        yield from _region("replica.location", environment.replica.location)


def _region(key: str, name: str) -> Iterator[Problem]:
    region = regions.find(name)
    if region is not None and region.name != name:
        says = f"is {name!r}, the short name is wanted: with two spellings every plan would show a change"
        yield refuse("R2", key, says, found=name, hint=f"write {region.name}")
    if region is not None:
        return
    close = difflib.get_close_matches(name.lower(), regions.REGIONS, n=1, cutoff=_TYPING_ERROR)
    if close:
        says = f"is {name}, which is not a region of Azure"
        yield refuse("R2", key, says, found=name, hint=f"did you mean {close[0]}?")
    else:
        says = f"is {name}, a region that is not in our table: whether it has zones and a paired region cannot be told"
        yield warn("R2", key, says, found=name, hint="az account list-locations --query '[].name' lists the regions of a subscription")


def burstable_availability(environment: Environment) -> Iterator[Problem]:
    """R3: no high availability on Burstable. Azure accepts the request and fails it minutes later."""
    mode = environment.availability.mode
    if is_burstable(environment) and mode != "Disabled":
        says = f"is {mode} on {environment.server.sku}: {_BURSTABLE}, Azure accepts it and fails the operation minutes later"
        yield refuse("R3", "availability.mode", says, found=mode, hint=f"mode: Disabled with standby_zone: null, or {_LARGER}")


def burstable_pooler(environment: Environment) -> Iterator[Problem]:
    """R3: no PgBouncer on Burstable."""
    if is_burstable(environment) and environment.database.pool.pgbouncer:
        says = f"is true on {environment.server.sku}: {_BURSTABLE}, nothing would listen on port 6432"
        hint = f"pgbouncer: false and a pool in the application, or {_LARGER}"
        yield refuse("R3", "database.pool.pgbouncer", says, found=True, hint=hint)


def burstable_replica(environment: Environment) -> Iterator[Problem]:
    """R3: Burstable is neither the source of a replica nor one."""
    replica = environment.replica
    if replica is None:
        return
    if skus.family_tier(replica.sku) == skus.BURSTABLE:
        says = f"is {replica.sku}: a Burstable server cannot be a replica"
        yield refuse("R3", "replica.sku", says, found=replica.sku, hint="at least the SKU of the server")
    if is_burstable(environment):
        says = f"is declared for {environment.server.sku}: a Burstable server cannot be the source of a replica"
        yield refuse("R3", "replica", says, found=environment.server.sku, hint=f"replica: null, or {_LARGER}")


def burstable_storage(environment: Environment) -> Iterator[Problem]:
    """R3: only Premium SSD on Burstable."""
    kind = environment.storage.kind
    if is_burstable(environment) and kind != storage.PREMIUM_LRS:
        says = f"is {kind} on {environment.server.sku}: Burstable takes Premium SSD only"
        yield refuse("R3", "storage.kind", says, found=kind, hint=f"kind: {storage.PREMIUM_LRS}, or {_LARGER}")


def retired_version(environment: Environment) -> Iterator[Problem]:
    """R10: a version that is offered and in standard support."""
    version = environment.server.version
    if version not in _VERSIONS:
        says = f"is {version}, Azure offers {_VERSIONS[0]} to {_VERSIONS[-1]}"
        yield refuse("R10", "server.version", says, found=version, hint="version: 16")
    elif version in _EXTENDED:
        says = f"is {version}, which gets only paid extended support since 2026-08-01"
        hint = "version: 16; an existing server is upgraded with allow_major_upgrade: true"
        yield refuse("R10", "server.version", says, found=version, hint=hint)
    elif version == _LEAVING:
        says = f"is {version}, which leaves standard support on 2026-12-11: after that it costs extra and ends"
        yield warn("R10", "server.version", says, found=version, hint="version: 16")


def leftover_connections(environment: Environment) -> Iterator[Problem]:
    """W4: max_connections is not left over from a larger SKU."""
    declared, size = environment.database.parameters.get("max_connections"), sku(environment)
    if size is not None and str(declared).isdigit() and int(str(declared)) > size.max_connections:
        says = f"is {declared}, more than the {size.max_connections} of {size.name}: the memory for all of them is not there"
        hint = "remove it: the default of the SKU is then written, also after the SKU changes"
        yield warn("W4", "database.parameters.max_connections", says, found=declared, hint=hint)


def tier_in_doubt(environment: Environment) -> Iterator[Problem]:
    """R2: the family tells the tier, and the table agrees; a row that does not is our mistake and would be Azure's refusal."""
    size = sku(environment)
    if size is not None and size.tier != tier(environment):
        says = f"is {size.name}, whose tier is {size.tier}, but its family is {tier(environment)}"
        yield refuse("R2", "server.sku", says, found=size.name)


RULES = (
    Rule(
        "R2",
        "SKU and region exist, and the tier fits the family",
        "capabilities of 2026-05-19; compute page of 2026-01",
        (unknown_sku, unknown_replica_sku, unknown_region, tier_in_doubt),
    ),
    Rule(
        "R3",
        "Burstable has no high availability, PgBouncer, replica, on-demand backup or Premium SSD v2",
        "pages on HA, PgBouncer, replicas, backup and Premium SSD v2; recorded refusal",
        (burstable_availability, burstable_pooler, burstable_replica, burstable_storage),
    ),
    Rule("R10", "The major version is supported and only goes up", "version policy of 2026-11", (retired_version,)),
    Rule(
        "R18",
        "A change from Burstable does not bring high availability in the same update",
        "issue 27612 of the Terraform provider",
        needs="server",
    ),
    Rule("W4", "max_connections follows the SKU", "page on limits", (leftover_connections,)),
)
