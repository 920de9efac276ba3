"""A portable copy as an origin of rows: its files, checked before anybody asks for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard

from infra.domain.manifest import ALGORITHM, Manifest, Refused, Table
from scripts.edges import dump_files
from scripts.edges.exits import BAD, Failure
from scripts.edges.origin import Item
from scripts.edges.portable_schema import Schema


class CopyOrigin:
    """A copy in a folder. `opened` is the way to one."""

    algorithm = ALGORITHM

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self.manifest = manifest
        self.title = manifest.id
        self.version = manifest.source.server_version_num
        self.extensions = manifest.extensions
        self.sequences = manifest.sequences
        self.models = manifest.models
        artifacts = {artifact.path: artifact for artifact in manifest.artifacts}
        self._tables = {(table.schema_name, table.name): table for table in manifest.tables}
        self.items = tuple(
            Item(table.schema_name, table.name, table.columns, artifacts[table.path].format, artifacts[table.path].size)
            for table in manifest.tables
        )
        self.schema = Schema(self._script("pre-data"), self._script("post-data"), manifest.vector_indexes)

    def is_narrowed(self, item: Item) -> bool:
        """A copy holds what it holds."""
        return False

    def pieces(self, item: Item, number: int) -> tuple[Item, ...]:
        """A table is one file."""
        return (item,)

    @contextmanager
    def reader(self) -> Iterator[CopyOrigin]:
        """Files can be read by many at once."""
        yield self

    @contextmanager
    def rows(self, item: Item) -> Iterator[Iterable[bytes]]:
        """The rows of a table in the form of COPY."""
        with (self._folder / self._tables[item.key].path).open("rb") as file:
            yield zstandard.ZstdDecompressor().read_to_iter(file)

    def digest(self, item: Item) -> Table:
        """Rows and digest as the manifest says them."""
        return self._tables[item.key]

    def _script(self, section: str) -> bytes:
        return (self._folder / f"{section}.sql").read_bytes()


def opened(folder: Path) -> CopyOrigin:
    """A copy that was found to be whole. Raises Failure (BAD) with what is wrong with it, before anything is done with it."""
    try:
        manifest = dump_files.read_manifest(folder)
        wrong = dump_files.faults_of(folder, manifest)
    except Refused as error:
        wrong = [str(error)]
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise Failure(BAD, f"{wrong[0]}{more}", where=str(folder), hint="this copy is damaged: take another one")
    return CopyOrigin(folder, manifest)
