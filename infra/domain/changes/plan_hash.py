"""The hash of what was reviewed: one SHA-256 a stack over its captured plan and its stack file, the same wherever it is computed.

A comment carries it in a marker that nobody sees; the apply computes it anew from what was merged, and stops where the two differ.
No secret goes in: a plan masks them, and the values of a stack file are read without.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from infra.domain.registrations import Plan

_SCHEMA = "agentmem/reviewed/1"
# So much of it is shown to a person: as much as git shows of a commit.
SHORT = 12
_MARKER = re.compile(r"<!-- agentmem-reviewed ((?:[a-z]+=[0-9a-f]{64} )+)-->")
_WHOLE = re.compile(r"[0-9a-f]{64}")


def of_stack(plan: Plan, values: Mapping[str, Any]) -> str:
    """64 hex digits over what the program asks for and what the file says: indexes and retention are in no resource.

    The order of a mapping's keys says nothing and changes nothing; the order of the registrations does.
    """
    document = {"schema": _SCHEMA, "plan": json.loads(plan.to_json()), "values": values}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_whole(text: str) -> bool:
    """Whether `text` is a whole hash, as the marker and `preview --json` carry it."""
    return _WHOLE.fullmatch(text) is not None


def marker(hashes: Mapping[str, str]) -> str:
    """The line of a comment that carries the hashes; "" where no stack has one."""
    told = " ".join(f"{stack}={hashes[stack]}" for stack in sorted(hashes) if hashes[stack])
    return f"<!-- agentmem-reviewed {told} -->" if told else ""


def read(comment: str) -> dict[str, str]:
    """The hashes that a comment carries, by stack: in its second line and nowhere else, for what stands below may quote anything."""
    lines = comment.splitlines()[1:2]
    found = _MARKER.fullmatch(lines[0]) if lines else None
    return dict(pair.split("=") for pair in found[1].split()) if found else {}


def told(hashes: Mapping[str, str]) -> str:
    """What a person reads: `prod 3f2a91c04b7e, uat ...`."""
    return ", ".join(f"{stack} {hashes[stack][:SHORT]}" for stack in sorted(hashes) if hashes[stack])
