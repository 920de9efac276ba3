"""A project of somebody who may edit its stack files: those of the repository, and the program itself behind a link."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from infra.domain.environment import STACKS
from tests.engine.installation import ROOT


def copied(folder: Path, *stacks: str) -> Path:
    """The project in `folder`, as it is in the repository, with all stacks or these alone: each takes the engine half a second to make."""
    for name in ("Pulumi.yaml", *(f"Pulumi.{stack}.yaml" for stack in stacks or STACKS)):
        shutil.copy(ROOT / name, folder)
    (folder / "infra").symlink_to(ROOT / "infra")
    return folder


def edit(project: Path, stack: str, lines: Mapping[str, str]) -> None:
    """Change lines of a stack file: old text, which must be there once, to new text."""
    file = project / f"Pulumi.{stack}.yaml"
    text = file.read_text()
    for old, new in lines.items():
        assert text.count(old) == 1, f"{old} is not one line of the stack file"
        text = text.replace(old, new)
    file.write_text(text)
