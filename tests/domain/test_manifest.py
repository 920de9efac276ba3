"""The manifest of a portable copy: canonical, refused when changed, and what differs from it."""

from __future__ import annotations

import hashlib
import json

import pytest

from infra.domain.manifest import Artifact, Manifest, Refused, Source, Table, differences, encode, parse

FACTS = Table(schema_name="public", name="facts", path="data/0001.copy.zst", columns=("id",), rows=2, digest="17")
MANIFEST = Manifest(
    id="prod-20260105T030000Z", created_at="2026-01-05T03:00:00+00:00", environment="prod",
    source=Source(server_version_num=160014, snapshot_id="00000003-0000001B-1", encoding="UTF8", locale="C.UTF-8"),
    extensions=(), sequences=(), tables=(FACTS,),
    artifacts=(Artifact(path="data/0001.copy.zst", size=9, sha256="0" * 64, format="copy-binary", compression="zstd"),),
)  # fmt: skip


def resealed(**changes: object) -> bytes:
    """The manifest with other content and a digest that fits it."""
    content = {**MANIFEST.model_dump(mode="json"), **changes}
    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return json.dumps({**content, "self_sha256": hashlib.sha256(text).hexdigest()}, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_comes_back_as_it_was_written() -> None:
    assert parse(encode(MANIFEST)) == MANIFEST
    assert resealed() == encode(MANIFEST)


def test_every_changed_bit_is_refused() -> None:
    text = encode(MANIFEST)
    for place in range(len(text)):
        changed = bytearray(text)
        changed[place] ^= 1 << place % 8
        with pytest.raises(Refused):
            parse(bytes(changed))


def test_every_truncation_is_refused() -> None:
    text = encode(MANIFEST)
    for size in range(len(text)):
        with pytest.raises(Refused):
            parse(text[:size])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"colour": "red"}, "colour: extra inputs"),
        ({"schema_id": "agentmem/manifest/2"}, "schema_id:"),
        ({"artifacts": []}, "tables: are not those"),
        ({"artifacts": [{"path": "../x", "size": 1, "sha256": "0" * 64, "format": "sql", "compression": "none"}]}, "artifacts.0.path:"),
    ],
)
def test_refuses_what_it_does_not_know_though_its_digest_fits(changes: dict[str, object], says: str) -> None:
    with pytest.raises(Refused, match=says):
        parse(resealed(**changes))


def test_tells_missing_and_other_and_more_tables() -> None:
    def told(*found: Table) -> list[str]:
        return [verdict.reason for verdict in differences(MANIFEST, found)]

    assert told(FACTS) == []
    assert told() == ["public.facts: is missing"]
    assert told(FACTS.model_copy(update={"rows": 1})) == ["public.facts: has 1 rows, the copy 2"]
    assert told(FACTS.model_copy(update={"digest": "18"})) == ["public.facts: has as many rows, but other content"]
    assert told(FACTS, FACTS.model_copy(update={"name": "b"})) == ["public.b: is not in the copy"]
