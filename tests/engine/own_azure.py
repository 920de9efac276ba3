"""Somebody's project on a local Azure that can be told to fail: `pulumi` and other commands as `agentmem local-azure run` starts them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.edges.shadow import Shadow
from scripts.local_azure.serve import LocalAzure
from tests.engine.installation import ROOT
from tests.engine.own_project import edit


@dataclass(frozen=True)
class Desk:
    """The project at `project` may be edited; `azure` takes faults."""

    project: Path
    azure: LocalAzure
    path: str
    stacks: tuple[str, ...]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in the shadow of the project as it is now."""
        shadow = Shadow(self.project, self.azure.state, self.stacks)
        environment = shadow.environment({**os.environ, "PATH": self.path, "PYTHONPATH": str(ROOT)}, self.azure.environment)
        shadow.prepare(environment)
        where = {"cwd": shadow.folder, "env": environment, "stdin": subprocess.DEVNULL}
        return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, **where)

    def pulumi(self, verb: str, stack: str, *options: str) -> subprocess.CompletedProcess[str]:
        """A Pulumi command on a stack, which must not ask."""
        return self.run("pulumi", verb, "--stack", stack, *options, "--non-interactive", "--color", "never")

    def up(self, stack: str, *options: str) -> subprocess.CompletedProcess[str]:
        """`pulumi up` without a preview before it."""
        return self.pulumi("up", stack, "--yes", "--skip-preview", *options)

    @contextmanager
    def changed(self, stack: str, lines: Mapping[str, str]) -> Iterator[None]:
        """The stack file with other lines while the block runs, and as it was again afterwards."""
        file = self.project / f"Pulumi.{stack}.yaml"
        before = file.read_text()
        edit(self.project, stack, lines)
        try:
            yield
        finally:
            file.write_text(before)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that a command wrote."""
    return done.stdout + done.stderr
