"""`agentmem dump`: a portable copy of a database in a folder or in Blob, noted in the ledger, and proved by a restore if that is wished.

It is also the snapshot of an environment whose tier has no on-demand backup.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.domain import copies, names, retention
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from infra.domain.manifest import Manifest, encode, sizes
from scripts.edges import dumping, portable_schema, screen, transfer_bar
from scripts.edges.blob_place import is_blob
from scripts.edges.clock import utc_now
from scripts.edges.copy_folder import FolderStore
from scripts.edges.copy_store import open_store
from scripts.edges.exits import BAD, GOOD, Exit
from scripts.edges.ledger_blob import AnyLedger
from scripts.edges.origin import Item, live
from scripts.edges.phases import Phases

Prove = Callable[[Path, Phases], list[str]]
REASON = "portable copy"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A copy that is asked for: of which environment, to which place, why; `work` is where it is made if the place is not a folder.

    `prove` restores it somewhere and says what differs; with `prune`, copies beyond those of the contract go afterwards.
    """

    environment: Environment
    to: str
    work: Path
    reason: str = REASON
    prove: Prove | None = None
    prune: bool = False
    jobs: int = 2
    dry_run: bool = False
    as_json: bool = False
    verb: str = "dump"


@dataclass
class Run:
    """A copy in the making."""

    wanted: Wanted
    ledger: AnyLedger
    phases: Phases
    now: Callable[[], datetime]
    pruned: tuple[str, ...] = ()
    wrong: list[str] = field(default_factory=list)


def dump(wanted: Wanted, connect: Callable[[], Any], ledger: AnyLedger, now: Callable[[], datetime] = utc_now) -> int:
    """Write a copy and note it; returns GOOD, or BAD where its proof failed; raises Failure. An earlier one is finished."""
    run = Run(wanted, ledger, Phases(wanted.as_json, wanted.as_json), now)
    if not wanted.dry_run:
        return _told(run, take(run, connect))
    with live(connect, described=False) as origin:
        portable_schema.pg_tools(origin.version // 10_000)  # its absence belongs into the plan
        return _plan(run, retention.copy_name(wanted.environment.name, now()), origin.items)


def take(run: Run, connect: Callable[[], Any]) -> Manifest:
    """The copy, without a word on stdout but for those of the run's phases; `run.wrong` has what its proof found. Raises Failure."""
    wanted, name = run.wanted, retention.copy_name(run.wanted.environment.name, run.now())
    with live(connect, described=False) as origin:
        items = origin.items
    run.ledger.read()  # a broken ledger is told before anything is written
    _carry_on(run)
    base = wanted.work if is_blob(wanted.to) else Path(wanted.to)
    with transfer_bar.watching(items, run.phases.events) as watching:
        at = run.now().isoformat()
        manifest = dumping.write(connect, base / name, wanted.environment.name, at, watching.on_bytes, wanted.jobs)
    _finish(run, base / name, manifest)
    if wanted.prune and not run.wrong:
        run.pruned = _prune(run)
    return manifest


def _carry_on(run: Run) -> None:
    """Bring copies away that a killed command had finished here and not yet brought."""
    wanted = run.wanted
    for name in FolderStore(wanted.work).names(wanted.environment.name) if is_blob(wanted.to) else ():
        from scripts.edges.dump_files import read_manifest

        _finish(run, wanted.work / name, read_manifest(wanted.work / name))


def _finish(run: Run, folder: Path, manifest: Manifest) -> None:
    """Note the copy, prove it, bring it to its place. The proof comes first: what does not restore is not kept as if it did."""
    wanted = run.wanted
    run.ledger.append([_copy(run, manifest)])
    if wanted.prove is not None:
        run.wrong = wanted.prove(folder, run.phases)
        evidence = run.wrong[0] if run.wrong else copies.RESTORED
        run.ledger.append([_proof(run, manifest, not run.wrong, evidence)])
    if is_blob(wanted.to):
        with screen.bytes_progress(quiet=wanted.as_json) as bar:
            task = bar.add_task(wanted.to, total=sum(artifact.size for artifact in manifest.artifacts))
            open_store(wanted.to).put(folder, lambda size: bar.advance(task, size))
        shutil.rmtree(folder)


def _copy(run: Run, manifest: Manifest) -> Record:
    facts = copies.logical_facts(manifest.created_at, run.wanted.reason, _place(run.wanted), hashlib.sha256(encode(manifest)).hexdigest())
    return Record(kind=Kind.COPY, at=run.now(), facts=facts, **_about(run.wanted.environment, manifest))


def _proof(run: Run, manifest: Manifest, ok: bool, evidence: str) -> Record:
    return Record(kind=Kind.PROOF, at=run.now(), facts=copies.proof_facts(ok, evidence), **_about(run.wanted.environment, manifest))


def _about(environment: Environment, manifest: Manifest) -> dict[str, Any]:
    return {"stack": environment.name, "server": environment.server.name, "copy": manifest.id}


def _place(wanted: Wanted) -> str:
    return wanted.to if is_blob(wanted.to) else str(Path(wanted.to).absolute())


def _prune(run: Run) -> tuple[str, ...]:
    """Delete what the contract does not keep; each is noted once it is gone."""
    environment, store = run.wanted.environment, open_store(run.wanted.to)
    there = store.names(environment.name)
    going = (
        *retention.going(there, environment.name, environment.backup.portable_copies),
        *retention.abandoned(store.unfinished(environment.name), there, environment.name),
    )
    for name in going:
        store.delete(name)
        facts = {
            "reason": f"{environment.backup.portable_copies.weekly} weekly and {environment.backup.portable_copies.monthly} monthly stay"
        }
        about = {"stack": environment.name, "server": environment.server.name, "copy": name}
        run.ledger.append([Record(kind=Kind.REMOVED, at=run.now(), facts=facts, **about)])
    return going


def _plan(run: Run, name: str, items: tuple[Item, ...]) -> int:
    wanted = run.wanted
    if wanted.as_json:
        tables = [{"table": item.title, "bytes": item.size} for item in items]
        screen.document(wanted.verb, {"environment": wanted.environment.name, "copy": name, "tables": tables, "written": False})
        return GOOD
    for line in screen.table([(item.title, f"{item.size:,} bytes on the server") for item in items]):
        screen.say(line)
    screen.say(f"{len(items)} tables would be written to {wanted.to}/{name}; nothing was written")
    return GOOD


def _told(run: Run, manifest: Manifest) -> int:
    wanted, code = run.wanted, Exit(BAD if run.wrong else GOOD)
    proved = "" if wanted.prove is None else "; proved by a restore" if not run.wrong else f"; proves nothing: {run.wrong[0]}"
    says = f"{wanted.to}/{manifest.id}: {sizes(manifest)}, read back{proved}"
    if wanted.as_json:
        facts = {
            "environment": wanted.environment.name,
            "server": names.server_host(wanted.environment),
            "copy": {"name": manifest.id, "form": copies.Form.LOGICAL.value, "completed": manifest.created_at, "reason": wanted.reason},
            "tables": [{"table": f"{each.schema_name}.{each.name}", "rows": each.rows, "digest": each.digest} for each in manifest.tables],
            "pruned": list(run.pruned),
            "written": True,
            "phases": [phase.as_json() for phase in run.phases.done],
        }
        screen.document(wanted.verb, {**facts, "verdict": "bad" if run.wrong else "ok", "reason": says})
        return int(code)
    screen.say(says)
    if run.pruned:
        screen.say(f"deleted, as the contract keeps no more: {', '.join(run.pruned)}")
    return int(code)
