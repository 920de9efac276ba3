"""Versions of pgvector with known defects: what goes wrong, since and until which version, and what to do.

Sources: the CVE entries named, and the changelog and merged changes of pgvector as read in August 2026. A later list may know more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, ...]
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_REBUILD = "then REINDEX INDEX CONCURRENTLY each HNSW index: an update mends the code, not a graph that is damaged already"


@dataclass(frozen=True, kw_only=True)
class Defect:
    """A known defect in versions from `since` up to, but without, `fixed`; `fixed` is None where no release has the fix.

    `serious`: data may leak or an index may be corrupted; else only recall suffers. `bits` limits it to servers of that word size.
    """

    id: str
    since: str
    fixed: str | None
    says: str
    remedy: str
    serious: bool = True
    bits: int | None = None

    def concerns(self, version: str, bits: int = 64) -> bool:
        """Whether a server of this version and word size has it."""
        if self.bits not in (None, bits):
            return False
        found = parsed(version)
        return parsed(self.since) <= found and (self.fixed is None or found < parsed(self.fixed))


DEFECTS = (
    Defect(
        id="CVE-2026-3172",
        since="0.6.0",
        fixed="0.8.2",
        says="a parallel HNSW build can write past its buffer: it may crash the server or leak other relations' data",
        remedy=f"until then build with max_parallel_maintenance_workers 0; {_REBUILD}",
    ),
    Defect(
        id="hnsw-vacuum-corruption",
        since="0.5.0",
        fixed="0.8.3",
        says="vacuum can corrupt an HNSW graph while rows are inserted",
        remedy=_REBUILD,
    ),
    Defect(
        id="hnsw-not-repaired",
        since="0.5.0",
        fixed="0.8.4",
        says='vacuum can end with "hnsw graph not repaired", and searches miss rows',
        remedy=_REBUILD,
    ),
    Defect(
        id="CVE-2026-18022",
        since="0.5.0",
        fixed="0.8.6",
        says="an overflow on 32-bit servers",
        remedy="update, or move to a 64-bit server",
        bits=32,
    ),
    Defect(
        id="hnsw-duplicate-neighbours",
        since="0.5.0",
        fixed="0.8.7",  # merged after 0.8.6 was released, so the next release has it
        says="inserts at the same moment can store a neighbour twice, which costs recall (change 1010)",
        remedy="agentmem indexes status asks whether stored vectors find themselves; REINDEX INDEX CONCURRENTLY where some do not",
        serious=False,
    ),
)


def parsed(version: str) -> Version:
    """The numbers of a version, for comparing: `0.8.10` is above `0.8.9`, and what follows the numbers is left out."""
    found = _NUMBERS.match(version.strip())
    numbers = tuple(int(part) for part in found[0].split(".")) if found else ()
    return numbers + (0,) * (3 - len(numbers))


def defects_of(version: str, bits: int = 64) -> tuple[Defect, ...]:
    """The known defects of a version, the serious ones first."""
    return tuple(sorted((defect for defect in DEFECTS if defect.concerns(version, bits)), key=lambda defect: not defect.serious))


def cured_by(version: str, offered: str | None, bits: int = 64) -> tuple[Defect, ...]:
    """The defects of `version` that an update to `offered` ends."""
    if offered is None or parsed(offered) <= parsed(version):
        return ()
    return tuple(defect for defect in defects_of(version, bits) if not defect.concerns(offered, bits))
