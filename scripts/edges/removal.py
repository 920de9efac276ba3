"""The end of an on-demand backup: deleted in Azure, seen to be gone, written into the ledger; a lock in the way is named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from infra.domain import names
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from scripts.edges.arm_retry import code_of
from scripts.edges.backups import Backups
from scripts.edges.exits import BUSY, Failure
from scripts.edges.ledger_blob import AnyLedger


def remove(environment: Environment, shelf: Backups, ledger: AnyLedger, server_id: str, name: str, reason: str, at: datetime) -> None:
    """Delete one backup and write that into the ledger. Raises Failure; a lock in the way is named, with the way to lift it."""
    ledger.read()  # a broken ledger is told before anything is deleted
    with _lock_named(environment):
        shelf.drop(name)
    facts = {"reason": reason}
    ledger.append([Record(kind=Kind.REMOVED, at=at, stack=environment.name, server=server_id, copy=name, facts=facts)])


@contextlib.contextmanager
def _lock_named(environment: Environment) -> Iterator[None]:
    """A lock against deletion covers the server's backups too; it is lifted by hand, for one operation, and comes back with the next up."""
    try:
        yield
    except Failure as failure:
        if code_of(failure.__cause__) != "ScopeLocked":
            raise
        lock, group, server = names.lock(environment), names.resource_group(environment), environment.server.name
        scope = f"--resource-group {group} --resource-type Microsoft.DBforPostgreSQL/flexibleServers --resource {server}"
        back = f"pulumi up --refresh --stack {environment.name}"
        hint = f"az lock delete --name {lock} {scope}, then this again, then {back} puts the lock back"
        raise Failure(BUSY, f"lock {lock} forbids to delete anything of the server", where=server, hint=hint) from failure
