"""What a promotion has to know of its target before anything is written there, judged by infra/domain/promotion.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.domain import promotion
from infra.domain.catalogue import Model, listed
from infra.domain.environment import Environment
from infra.domain.problem import Verdict
from infra.domain.promotion import Policy
from scripts.edges import build_preflight
from scripts.edges.copy_origin import CopyOrigin
from scripts.edges.origin import LiveOrigin
from scripts.edges.postgres import statement
from scripts.edges.transfer_target import ROOM, Target

_OFFERED = "SELECT name, array_agg(version) FROM pg_available_extension_versions GROUP BY name"
_INSTALLED = "SELECT extname, extversion FROM pg_extension"
_ALLOWED = "SELECT current_setting('azure.extensions', true)"
_FLOAT_BYTES = {"vector": 4, "halfvec": 2}


@dataclass(frozen=True)
class Judged:
    """What the preflight found, and the extensions that are to be created, each with its version."""

    verdicts: tuple[Verdict, ...]
    extensions: dict[str, str]

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """What stands in the way."""
        return tuple(verdict for verdict in self.verdicts if not verdict.ok)


def judge(origin: LiveOrigin | CopyOrigin, target: Target, environment: Environment, policy: Policy) -> Judged:
    """Everything at once, so that nobody mends one thing to hear of the next. Asks both sides, changes nothing."""
    choices = tuple(_extensions(origin, target, policy))
    models = [Model(**model.model_dump()) for model in origin.models] or None
    verdicts = [
        promotion.server_versions(origin.version, target.session.info.server_version),
        *(choice.verdict for _, choice in choices),
        *promotion.models(models, _concerned(origin, environment)),
        *_room(origin, target, environment),
        *_whole(origin),
    ]
    return Judged(tuple(verdicts), {name: choice.create for name, choice in choices if choice.create})


def _extensions(origin: LiveOrigin | CopyOrigin, target: Target, policy: Policy) -> Iterator[tuple[str, promotion.ExtensionChoice]]:
    offered = dict(target.session.execute(_OFFERED).fetchall())
    installed = dict(target.session.execute(_INSTALLED).fetchall())
    allowed = listed(target.session.execute(_ALLOWED).fetchone()[0])
    for each in origin.extensions:
        if allowed is not None and each.name not in installed and each.name.lower() not in allowed:
            reason = f"{each.name} is not in the target's allow-list: database.extensions in its stack file, then pulumi up"
            yield each.name, promotion.ExtensionChoice(verdict=Verdict(ok=False, reason=reason, expected=each.name, found=sorted(allowed)))
        else:
            versions = offered.get(each.name, ())
            yield each.name, promotion.extension_policy(policy, each.version, versions, installed.get(each.name), name=each.name)


def _concerned(origin: LiveOrigin | CopyOrigin, environment: Environment) -> Iterable[Any]:
    """The declared vector sets whose tables the origin has: the others wait for the application, as everywhere."""
    there = {item.name for item in origin.items}
    return (each for each in environment.vector_sets if each.table in there)


def need(origin: LiveOrigin | CopyOrigin, indexes: int | None = None) -> promotion.Need:
    """What the rows of an origin take on a disk, and its indexes, unless so many bytes of them are said. A copy tells it at least."""
    if isinstance(origin, LiveOrigin):
        found = origin.session.execute(statement("read_bytes_of_indexes")).fetchone()[0] if indexes is None else indexes
        return promotion.need(0, sum(item.size for item in origin.items), found)
    columns = origin.manifest.vector_columns
    vectors = sum(each.rows * int(size) * _FLOAT_BYTES[each.type] for each in columns for size in each.dimensions)
    others = sum(item.size for item in origin.items)  # compressed: at least so much
    found = sum(index.size for index in origin.manifest.vector_indexes) if indexes is None else indexes
    return promotion.need(vectors, others, found)


def _room(origin: LiveOrigin | CopyOrigin, target: Target, environment: Environment) -> Iterator[Verdict]:
    """Nothing where the disk grows by itself."""
    if environment.storage.autogrow:
        return
    free = promotion.writable_bytes(environment.storage.size_gib, build_preflight.look(target.session).used_bytes)
    yield promotion.room(need(origin).total, free)


def _whole(origin: LiveOrigin | CopyOrigin) -> Iterator[Verdict]:
    if any(item.schema == ROOM for item in origin.items):
        yield Verdict(ok=False, reason="the source is itself half of a transfer: let that end first", found=ROOM)
