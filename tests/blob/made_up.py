"""Portable copies that were never a database: folders whose files and manifest are made up, whole in every other respect."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from infra.domain.manifest import FILE, Artifact, Manifest, Source, Table, encode

NAME = "uat-20261121T030000Z"
MIB = 1024 * 1024


def copy(below: Path, name: str = NAME, sizes: tuple[int, ...] = (10_000, 0, 300), seed: int = 1) -> Path:
    """A finished copy below the folder: the schema's two files, and a file of `sizes` bytes for each table."""
    folder = below / name
    (folder / "data").mkdir(parents=True)
    chosen = random.Random(f"{name} {seed}")
    contents = {"pre-data.sql": b"-- the schema\n", "post-data.sql": b"-- its indexes\n"}
    contents |= {f"data/{number:04d}.copy.zst": chosen.randbytes(size) for number, size in enumerate(sizes, 1)}
    for path, content in contents.items():
        (folder / path).write_bytes(content)
    (folder / FILE).write_bytes(encode(_manifest(name, contents)))
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a copy by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _manifest(name: str, contents: dict[str, bytes]) -> Manifest:
    data = [path for path in contents if path.startswith("data/")]
    return Manifest(
        id=name,
        created_at="2026-11-21T03:00:00+00:00",
        environment=name.partition("-")[0],
        source=Source(server_version_num=160014, snapshot_id="00000003-1", encoding="UTF8", locale="C"),
        extensions=(),
        artifacts=tuple(_artifact(path, content, path in data) for path, content in contents.items()),
        tables=tuple(Table(schema_name="public", name=path[5:9], path=path, columns=("id",), rows=1, digest="0") for path in data),
        sequences=(),
    )


def _artifact(path: str, content: bytes, is_data: bool) -> Artifact:
    digest = hashlib.sha256(content).hexdigest()
    if is_data:
        return Artifact(path=path, size=len(content), sha256=digest, format="copy-binary", compression="zstd")
    return Artifact(path=path, size=len(content), sha256=digest, format="sql", compression="none")
