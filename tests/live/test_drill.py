"""`make drill`: a real copy comes back in a real PostgreSQL of its own, and one changed byte makes it red."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.domain.ledger import Kind
from scripts.edges.exits import GOOD
from scripts.edges.ledger_file import LedgerFile
from tests.live.conftest import Database
from tests.live.hard_to_copy import ledger_of, taken

SCHEMA = """CREATE EXTENSION vector;
CREATE TABLE facts (id bigserial PRIMARY KEY, embedding vector(3));
INSERT INTO facts (embedding) SELECT format('[%s,1,0.1]', n)::vector FROM generate_series(1, 60) AS n;
CREATE INDEX facts_index ON facts USING hnsw (embedding vector_cosine_ops)"""


@pytest.fixture
def clone(tmp_path: Path, root: Path) -> Path:
    """This project in another folder, so that its reports do not lie in ours."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in ("Makefile", "tools", "Pulumi.yaml", "Pulumi.dev.yaml"):
        (folder / name).symlink_to(root / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def drilled(clone: Path, place: Path, ledger: LedgerFile) -> tuple[bool, str]:
    """Whether `make drill` was green, and its report."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--old-file=.venv/.runtime", "drill", "STACK=dev", f"TO={place}", f"LEDGER={ledger.folder}"]
    done = subprocess.run(command, cwd=clone, env=outside, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode == 0, (clone / "build" / "drill" / "dev.md").read_text(encoding="utf-8")


def test_a_copy_comes_back_and_one_changed_byte_makes_the_drill_red(database: Database, tmp_path: Path, clone: Path) -> None:
    with database.session() as session:
        session.execute(SCHEMA.encode())
    place = tmp_path / "copies"
    assert taken(database, place) == GOOD
    ledger = ledger_of(place)

    green, report = drilled(clone, place, ledger)
    assert green and report.startswith("## ✅ the newest copy restores\n")
    told = json.loads((clone / "build" / "drill" / "dev.json").read_text(encoding="utf-8"))
    assert [f"| {phase['name']} | " in report for phase in told["phases"]] == [True] * 7

    (rows,) = place.glob("dev-*/data/*.zst")
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    green, report = drilled(clone, place, ledger)
    assert not green and report.startswith("## ⛔ the newest copy is not to be relied on\n")
    assert "is not as it was written" in report
    proofs = [record.facts["verdict"] for record in ledger.read().records if record.kind is Kind.PROOF]
    assert proofs == ["ok", "failed"]
