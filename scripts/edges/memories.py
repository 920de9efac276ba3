"""Memories to load: seeded and clustered ones, or a person's own from a file of JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.edges.exits import BAD, Failure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Embeddings of text lie in clusters of very unequal size on few effective dimensions; plain noise would make any
# index look useless. 400 Zipf-sized clusters in 96 dimensions give neighbours as close as real embeddings have them.
_CLUSTERS = 400
_LATENT_DIMENSIONS = 96
_WITHIN_CLUSTER = 0.55
_NOISE = 0.02
# More than these would scroll away what is worth reading.
_SHOWN_ERRORS = 20


@dataclass(frozen=True)
class Memories:
    """Rows for one vector set: ids, texts, and embeddings as a float32 array of shape (rows, dimensions)."""

    ids: list[str]
    texts: list[str]
    embeddings: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


def make(rows: int, dimensions: int, *, seed: int) -> Memories:
    """`rows` clustered embeddings of unit length; the same seed gives the same memories."""
    import numpy as np

    random = np.random.default_rng(seed)
    centres = random.standard_normal((_CLUSTERS, _LATENT_DIMENSIONS), dtype=np.float32)
    weights = 1.0 / np.arange(1, _CLUSTERS + 1)
    cluster = random.choice(_CLUSTERS, size=rows, p=weights / weights.sum())
    latent = centres[cluster] + _WITHIN_CLUSTER * random.standard_normal((rows, _LATENT_DIMENSIONS), dtype=np.float32)
    projection = random.standard_normal((_LATENT_DIMENSIONS, dimensions), dtype=np.float32) / math.sqrt(_LATENT_DIMENSIONS)
    vectors = latent @ projection
    vectors += _NOISE * random.standard_normal((rows, dimensions), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"memory-{seed}-{number:07d}" for number in range(rows)]
    texts = [f"the agent was told something of kind {kind}" for kind in cluster]
    return Memories(ids, texts, vectors)


def read(path: Path, dimensions: frozenset[int]) -> Memories:
    """The memories of a JSON-lines file; raises Failure naming every bad line (at most 20), with nothing loaded.

    All embeddings must have one length, and it must be one of `dimensions`.
    """
    import numpy as np

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(BAD, f"cannot be read: {error}", where=str(path)) from None
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise Failure(BAD, "holds no memories", where=str(path), hint='one JSON object a line: {"id", "text", "embedding"}')
    records: list[dict[str, Any]] = []
    errors = list(_errors(rows, records, dimensions))
    if errors:
        shown = [f"{path}:{number}: {fact}" for number, fact in errors[:_SHOWN_ERRORS]]
        more = [f"... and {len(errors) - _SHOWN_ERRORS} more"] if len(errors) > _SHOWN_ERRORS else []
        raise Failure(BAD, "\n".join((*shown, *more)), hint=f"{len(errors)} of {len(rows)} memories are not usable, nothing was loaded")
    embeddings = np.array([record["embedding"] for record in records], dtype=np.float32)
    return Memories([str(record["id"]) for record in records], [str(record["text"]) for record in records], embeddings)


def _errors(rows: list[tuple[int, str]], records: list[dict[str, Any]], dimensions: frozenset[int]) -> Iterator[tuple[int, str]]:
    """Each bad line with what is wrong; good ones are appended to `records`."""
    seen: dict[str, int] = {}
    length: int | None = None
    for number, line in rows:
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            yield number, f"is not JSON: {error.msg}"
            continue
        fact = _fault(record)
        if fact is None:
            fact = _wrong_length(len(record["embedding"]), length, dimensions)
            length = length or len(record["embedding"])
        if fact is None and str(record["id"]) in seen:
            fact = f"id {record['id']!r} stands already on line {seen[str(record['id'])]}"
        if fact is not None:
            yield number, fact
            continue
        seen[str(record["id"])] = number
        records.append(record)


def _fault(record: Any) -> str | None:
    if not isinstance(record, dict) or set(record) != {"id", "text", "embedding"}:
        return 'has not exactly the keys "id", "text", "embedding"'
    if not isinstance(record["id"], str | int) or not isinstance(record["text"], str):
        return "id must be text or a number, text must be text"
    embedding = record["embedding"]
    if not isinstance(embedding, list) or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in embedding):
        return "embedding is not a list of numbers"
    if not all(math.isfinite(value) and abs(value) < 3.4e38 for value in embedding):  # the largest float32
        return "embedding holds a value that is not finite"
    return None if any(embedding) else "embedding is all zeros, which no cosine index can hold"


def _wrong_length(found: int, first: int | None, dimensions: frozenset[int]) -> str | None:
    if found not in dimensions:
        return f"embedding has {found} dimensions, declared are {' and '.join(str(item) for item in sorted(dimensions))}"
    return f"embedding has {found} dimensions, the first line has {first}" if first is not None and found != first else None
