"""`agentmem verify`: the proof of a portable copy: every file without a server, and with `--restore` all of it in one of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from infra.domain import restore_proof
from infra.domain.manifest import Manifest, sizes
from scripts.edges import dump_files, screen, transfer_bar
from scripts.edges.exits import BAD, GOOD, Failure
from scripts.edges.phases import Phases

Server = Callable[[], AbstractContextManager[Callable[[], Any]]]
# A proof runs on the machine of whoever asks for it: memory as a small server has it, and a core for each of two sessions.
JOBS, _BUILD_KIB, _SERVER_KIB = 2, 2_097_151, 65_536


def verify(folder: Path, *, server: Server | None = None, as_json: bool = False) -> int:
    """Check a copy; with a `server` it is restored there and compared. 0 if it is good, 1 with each fault. Raises Failure."""
    wrong = dump_files.faults(folder)
    if wrong:
        return _bad(folder, wrong, as_json)
    manifest = dump_files.read_manifest(folder)
    if server is None:
        return _whole(folder, manifest, as_json)
    if not as_json:
        screen.say(f"verify {manifest.id} · {sizes(manifest)}")
    return _restored(folder, manifest, server, as_json)


def prove(folder: Path, server: Server, phases: Phases) -> list[str]:
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
            with transfer_bar.watching(origin.items, phases.quiet) as watching:
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
        columns, _ = vector_facts.columns(session)
        verdicts = [*restore_proof.vectors(manifest.vector_columns, columns)]
        verdicts += restore_proof.answers(manifest.queries, vector_facts.answered(session, manifest.queries))
        says = f"{len(manifest.vector_columns)} columns of vectors and {len(manifest.queries)} exact answers are equal"
        done(verdicts[0].reason if verdicts else says, not verdicts)
    return [verdict.reason for verdict in verdicts]


def _restored(folder: Path, manifest: Manifest, server: Server, as_json: bool) -> int:
    phases = Phases(as_json)
    wrong = prove(folder, server, phases)
    says = wrong[0] if wrong else f"{manifest.id} restores: rows, vectors and exact answers are those of the source"
    if as_json:
        facts = {"copy": str(folder), "whole": True, "faults": wrong, "restored": True}
        screen.document("verify", {**facts, "phases": [phase.as_json() for phase in phases.done], "verdict": "bad" if wrong else "ok"})
    else:
        screen.say(says)
    return BAD if wrong else GOOD


def _whole(folder: Path, manifest: Manifest, as_json: bool) -> int:
    if as_json:
        screen.document("verify", {"copy": str(folder), "whole": True, "faults": [], "restored": False, "verdict": "ok"})
    else:
        screen.say(f"{manifest.id} is whole: {sizes(manifest)}; that it restores is proved by --restore")
    return GOOD


def _bad(folder: Path, wrong: list[str], as_json: bool) -> int:
    if as_json:
        screen.document("verify", {"copy": str(folder), "whole": False, "faults": wrong, "restored": False, "verdict": "bad"})
        return BAD
    for each in wrong:
        screen.say(each)
    screen.say(f"{len(wrong)} fault{'' if len(wrong) == 1 else 's'}: {folder} is no copy to rely on")
    return BAD
