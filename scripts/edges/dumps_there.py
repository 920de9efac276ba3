"""Which of the logical dumps that a ledger knows are still where it says, as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from infra.domain.copies import Copy, Form
from infra.domain.manifest import FILE
from scripts.edges.blob_place import is_blob
from scripts.edges.copy_store import open_store


def found(copies: Iterable[Copy]) -> frozenset[str]:
    """The names of the dumps that are there: in a folder with the very manifest that was noted, in Blob by name. Raises Failure.

    One whose place nobody noted is nowhere.
    """
    dumps = [copy for copy in copies if copy.form == Form.LOGICAL and copy.place and not copy.removed]
    in_blob = {place: frozenset(open_store(place).names(stack)) for place, stack in {(d.place, d.stack) for d in dumps if is_blob(d.place)}}
    return frozenset(dump.name for dump in dumps if dump.name in in_blob.get(dump.place, ()) or _as_noted(dump))


def _as_noted(dump: Copy) -> bool:
    if is_blob(dump.place):
        return False
    try:
        text = (Path(dump.place) / dump.name / FILE).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(text).hexdigest() == dump.manifest
