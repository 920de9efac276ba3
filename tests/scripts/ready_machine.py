"""A machine and a stack file to which nothing is lacking, for tests of the doctor: what a defect is made in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

STACK = "prod"
SALT = "encryptionsalt: v1:abc\n"
SECRET = "  agent-memory:administrator_password: {secure: v1:xyz}\n"
LOGGED_IN = """echo '{"user": "somebody", "url": "file://~"}'"""
Install = Callable[..., None]
Run = Callable[[int], dict[str, dict[str, Any]]]


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / f"Pulumi.{STACK}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def wrong(rows: dict[str, dict[str, Any]]) -> list[str]:
    assert all(bool(row["hint"]) is not row["ok"] for row in rows.values() if row["critical"])
    return [name for name, row in rows.items() if row["critical"] and not row["ok"]]
