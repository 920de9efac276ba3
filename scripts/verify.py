"""`agentmem verify`: the proof of a portable copy: every file without a server, and with `--restore` all of it in one of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.domain import copies, restore_proof
from infra.domain.ledger import Kind, Record
from infra.domain.manifest import Manifest, sizes
from scripts.edges import dump_files, screen, transfer_bar
from scripts.edges.clock import utc_now
from scripts.edges.exits import BAD, GOOD, Failure
from scripts.edges.ledger_blob import AnyLedger
from scripts.edges.phases import Phases

Server = Callable[[], AbstractContextManager[Callable[[], Any]]]
# A proof runs on the machine of whoever asks for it: memory as a small server has it, and a core for each of two sessions.
JOBS, _BUILD_KIB, _SERVER_KIB = 2, 2_097_151, 65_536


def verify(
    folder: Path,
    *,
    server: Server | None = None,
    ledger: AnyLedger | None = None,
    as_json: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> int:
    """Check a copy; with a `server` it is restored there and compared. 0 if it is good, 1 with each fault. Raises Failure.

    A copy that the `ledger` knows gets its proof there: a failed one always, a good one only of a restore.
    """
    phases = Phases(as_json or server is None, as_json)
    wrong = dump_files.faults(folder)
    whole = not wrong
    if whole and server is not None:
        manifest = dump_files.read_manifest(folder)
        if not as_json:
            screen.say(f"verify {manifest.id} · {sizes(manifest)}")
        wrong = prove(server, folder, phases)
    if ledger is not None and (wrong or server is not None):
        _note(ledger, folder.name, wrong, now())
    if as_json:
        facts = {"copy": folder.name, "whole": whole, "faults": wrong, "restored": whole and server is not None}
        told = {"phases": [phase.as_json() for phase in phases.done], "verdict": "bad" if wrong else "ok"}
        screen.document("verify", {**facts, **told})
    else:
        _say(folder, wrong, restored=server is not None)
    return BAD if wrong else GOOD


def prove(server: Server, folder: Path, phases: Phases) -> list[str]:
    """Restore a copy that is whole into a server of its own and compare; what differs, empty if nothing does. Raises Failure."""
    from scripts.edges import copy_origin, transfer, transfer_target
    from scripts.edges.index_builds import Room

    with server() as connect:
        origin = copy_origin.opened(folder)
        target = transfer_target.Target(connect)
        try:
            offered = target.offered()
            known = restore_proof.extensions(origin.extensions, offered)
            missing = frozenset(each.name for each in origin.extensions if each.name not in offered)
            wishes = transfer.Wishes(JOBS, Room(_BUILD_KIB, JOBS - 1, _SERVER_KIB), extensions=known, without=missing)
            with transfer_bar.watching(origin.items, phases.events) as watching:
                transfer.Transfer(origin, target, wishes, phases, watching).run()
            return _compared(target.session, origin.manifest, phases)
        except Failure as failure:
            if failure.code is not BAD:
                raise
            return [failure.fact]
        finally:
            target.close()


def _compared(session: Any, manifest: Manifest, phases: Phases) -> list[str]:
    from scripts.edges import table_digests, vector_facts

    table_digests.settle(session)
    with phases.phase("vectors") as done:
        verdicts = [*restore_proof.vectors(manifest.vector_columns, vector_facts.columns(session))]
        verdicts += restore_proof.answers(manifest.queries, vector_facts.answered(session, manifest.queries))
        says = f"{len(manifest.vector_columns)} columns of vectors and {len(manifest.queries)} exact answers are equal"
        done(verdicts[0].reason if verdicts else says, not verdicts)
    return [verdict.reason for verdict in verdicts]


def _note(ledger: AnyLedger, name: str, wrong: list[str], at: datetime) -> None:
    """Write the proof behind the copy's own line; a copy that this ledger does not know has none."""
    known = next((each for each in ledger.read().records if each.kind is Kind.COPY and each.copy == name), None)
    if known is not None:
        facts = copies.proof_facts(not wrong, wrong[0] if wrong else copies.RESTORED)
        ledger.append([Record(kind=Kind.PROOF, at=at, stack=known.stack, server=known.server, copy=name, facts=facts)])


def _say(folder: Path, wrong: list[str], *, restored: bool) -> None:
    if wrong:
        for each in wrong:
            screen.say(each)
        screen.say(f"{len(wrong)} fault{'' if len(wrong) == 1 else 's'}: {folder} is no copy to rely on")
        return
    manifest = dump_files.read_manifest(folder)
    if restored:
        screen.say(f"{manifest.id} restores: rows, vectors and exact answers are those of the source")
    else:
        screen.say(f"{manifest.id} is whole: {sizes(manifest)}; that it restores is proved by --restore")
