"""The manifest of a portable copy: what it holds, in one canonical JSON document that carries its own digest.

Every bit counts: a document that is not byte for byte what `encode` writes is refused, and so is a key that nobody knows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.domain.problem import Verdict

SCHEMA = "agentmem/manifest/1"
FILE = "manifest.json"
# A digest that every version of PostgreSQL gives alike, for copies that are kept.
ALGORITHM = "sum of the first 8 bytes of sha256(record_send), signed, as numeric"
# A third of its cost, and promised to be alike only within one major version: for two servers that are compared at once.
FAST_ALGORITHM = "sum of hash_record_extended of itself, as numeric"
# What our own dump names its files; nothing else, so that no manifest can point out of its folder.
PATH = r"^(pre-data\.sql|post-data\.sql|vector-indexes\.sql|data/[0-9]{1,9}\.copy\.zst)$"
Count = Annotated[int, Field(ge=0)]


class Refused(Exception):
    """A manifest that is not as it was written; the text says why."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Source(_Part):
    """Where the copy comes from; `snapshot_id` is the exported snapshot that every file of it was read under."""

    server_version_num: int
    snapshot_id: str
    encoding: str
    locale: str


class Extension(_Part):
    """An extension of the source, in the version it had there."""

    name: str
    version: str


class Artifact(_Part):
    """One file of the copy; `size` in bytes, `sha256` of the file as it lies on the disk."""

    path: Annotated[str, Field(pattern=PATH)]
    size: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    format: Literal["sql", "copy-binary", "copy-text"]
    compression: Literal["none", "zstd"]


class Table(_Part):
    """One table: the columns that its file holds in order, its rows, and the order-free digest of all its columns."""

    schema_name: str
    name: str
    path: str
    columns: tuple[str, ...]
    rows: Count
    digest: str
    digest_algo: str = ALGORITHM


class Sequence(_Part):
    """A sequence; `last_value` is None if it was never used, and then `next_value` is what it gives first."""

    schema_name: str
    name: str
    last_value: int | None
    next_value: int | None = None


class VectorIndex(_Part):
    """A vector index of the source: what it stores and how, and the statement that makes it. `size` in bytes there.

    `column` is None where it stores an expression that is no plain cast, `stored` the type that it stores.
    """

    schema_name: str
    name: str
    table_schema: str
    table: str
    column: str | None
    stored: Literal["vector", "halfvec", "bit", "sparsevec"]
    dimensions: Count
    method: Literal["hnsw", "ivfflat"]
    operator_class: str
    options: dict[str, int]
    partial: bool
    valid: bool
    size: Count
    definition: str


class VectorColumn(_Part):
    """What the vectors of one column are like: how many, of which dimensions (each with its rows), NULL, of length zero, how long."""

    table_schema: str
    table: str
    column: str
    type: Literal["vector", "halfvec"]
    dimensions: dict[str, int]
    rows: Count
    nulls: Count
    zeros: Count
    shortest: float | None
    mean: float | None
    longest: float | None


class Model(_Part):
    """Which model filled a vector set, as the source's provenance says."""

    table: str
    column: str
    name: str
    version: str
    dimensions: Count
    distance: str


class Query(_Part):
    """A stored row to ask with, by its key as text, and the exact distances of its nearest, ascending, it itself among them."""

    table_schema: str
    table: str
    column: str
    key: dict[str, str]
    operator: Literal["<=>", "<->", "<#>", "<+>"]
    distances: tuple[float, ...]


class Manifest(_Part):
    """A portable copy. `created_at` is ISO 8601 in UTC."""

    schema_id: Literal["agentmem/manifest/1"] = "agentmem/manifest/1"
    id: str
    created_at: str
    environment: str
    source: Source
    extensions: tuple[Extension, ...]
    artifacts: tuple[Artifact, ...]
    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    vector_columns: tuple[VectorColumn, ...] = ()
    vector_indexes: tuple[VectorIndex, ...] = ()
    models: tuple[Model, ...] = ()
    queries: tuple[Query, ...] = ()


def encode(manifest: Manifest) -> bytes:
    """The bytes of the manifest's file."""
    content = manifest.model_dump(mode="json")
    return _canonical({**content, "self_sha256": hashlib.sha256(_canonical(content)).hexdigest()})


def parse(text: bytes) -> Manifest:
    """The manifest in these bytes. Raises Refused."""
    try:
        content = json.loads(text)
        said = content.pop("self_sha256")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        raise Refused("is not readable as a manifest") from None
    if said != hashlib.sha256(_canonical(content)).hexdigest():
        raise Refused("is not as it was written: its own digest differs")
    try:
        manifest = Manifest.model_validate_json(_canonical(content))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
    if encode(manifest) != text:
        raise Refused("is not as it was written: another spelling of the same")
    _refuse_what_does_not_agree(manifest)
    return manifest


def sizes(manifest: Manifest) -> str:
    """How much a copy holds, for people."""
    rows, size = sum(table.rows for table in manifest.tables), sum(artifact.size for artifact in manifest.artifacts)
    return f"{len(manifest.tables)} tables, {rows:,} rows, {size:,} bytes"


def differences(manifest: Manifest, found: Iterable[Table]) -> tuple[Verdict, ...]:
    """How the tables of a database differ from those of the manifest: missing, more, rows, content. Empty if they are equal."""
    there = {(table.schema_name, table.name): table for table in found}
    verdicts = []
    for table in manifest.tables:
        key = f"{table.schema_name}.{table.name}"
        other = there.pop((table.schema_name, table.name), None)
        if other is None:
            verdicts.append(Verdict(ok=False, reason=f"{key}: is missing", expected=table.rows))
        elif other.rows != table.rows:
            says = f"{key}: has {other.rows} rows, the copy {table.rows}"
            verdicts.append(Verdict(ok=False, reason=says, expected=table.rows, found=other.rows))
        elif other.digest != table.digest:
            says = f"{key}: has as many rows, but other content"
            verdicts.append(Verdict(ok=False, reason=says, expected=table.digest, found=other.digest))
    more = [Verdict(ok=False, reason=f"{schema}.{name}: is not in the copy") for schema, name in there]
    return (*verdicts, *more)


def _refuse_what_does_not_agree(manifest: Manifest) -> None:
    files = [artifact.path for artifact in manifest.artifacts]
    data = sorted(artifact.path for artifact in manifest.artifacts if artifact.format != "sql")
    if len(set(files)) != len(files):
        raise Refused("artifacts: names a file twice")
    if data != sorted(table.path for table in manifest.tables):
        raise Refused("tables: are not those that have a file")


def _canonical(content: dict[str, Any]) -> bytes:
    """One way to write it, so that every changed bit shows."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
