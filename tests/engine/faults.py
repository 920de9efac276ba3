"""What may go wrong in an `up`: each fault at each management call, a seeded choice of them, and the way that ends every time."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.domain.azure.arm_ids import arm_id
from scripts.edges.capture import PROJECT, capture, configuration_of
from scripts.edges.pulumi_state import StackState, resources
from scripts.edges.shadow import Shadow
from scripts.resume import resume
from tests.engine.clouds import cloud_at
from tests.engine.installation import ROOT
from tests.engine.records_only import RecordsOnly
from tests.infra.plans import values_of

# What an `up` heals by itself where the write is one on a server: the program's hook waits and tries again.
BUSY = {"status": 409, "code": "ServerIsBusy"}
FAULTS: Mapping[str, Mapping[str, object]] = {
    "409": {"effect": "refuse", **BUSY},
    "429": {"effect": "refuse", "status": 429, "code": "TooManyRequests", "seconds": 1},
    "500": {"effect": "refuse", "status": 500, "code": "InternalServerError"},
    "failed": {"effect": "fail", "code": "OperationFailed"},
    "busy in the poll": {"effect": "fail", **BUSY},
    "lost before": {"effect": "lose"},
    "lost after": {"effect": "lose", "done": True},
    # Last, since the write ends well after all.
    "slow": {"effect": "slow", "seconds": 0.5},
}
# Only a write on PostgreSQL's kinds is an operation that can fail or last.
OF_OPERATIONS = ("failed", "busy in the poll", "slow")
# The words of the line by which a person knows what went wrong.
CLEAR = re.compile(r'Code="\w+" Message="|the connection to Azure was lost|cannot create already existing resource')
NEVER_SAID = ("Traceback", "bug of ours", "panic:")


@dataclass(frozen=True)
class Case:
    """A fault at the write of one resource."""

    id: str
    fault: str

    def __str__(self) -> str:
        return f"{self.fault} at {'/'.join(self.id.split('/')[-2:])}"

    @property
    def planned(self) -> dict[str, object]:
        """As the local Azure takes it. Only PostgreSQL's own kinds say ServerIsBusy."""
        code = {} if _is_operation(self.id) or self.fault != "409" else {"code": "AnotherOperationInProgress"}
        return {**FAULTS[self.fault], **code, "method": "PUT", "pattern": self.id.replace("[", "[[]")}


def seed() -> int:
    """Seed of a run: the one that AGENTMEM_SEED asks for, else one of the day's; every failure tells it."""
    return int(os.environ.get("AGENTMEM_SEED") or random.SystemRandom().randrange(10**6))


def every(ids: Iterable[str]) -> list[Case]:
    """Each fault at each of these writes."""
    return [Case(id_, fault) for id_ in ids for fault in FAULTS if fault not in OF_OPERATIONS or _is_operation(id_)]


def _is_operation(id_: str) -> bool:
    """Whether Azure answers the write 202: PostgreSQL's own kinds, and not what another provider hangs on them."""
    return "/Microsoft.DBforPostgreSQL/" in "/" + id_.rpartition("/providers/")[2] + "/"


def rounds(cases: Sequence[Case]) -> list[list[Case]]:
    """The cases in as few rounds as each can be met in: what is adopted after a lost answer is not written again, and cannot be slow."""
    adopted = {case.id for case in cases if case.fault == "lost after" and "/configurations/" not in case.id}
    second = [case for case in cases if case.fault == "slow" and case.id in adopted]
    return [part for part in ([case for case in cases if case not in second], second) if part]


def nightly() -> bool:
    """Whether all cases shall run, as `make nightly` asks."""
    return bool(os.environ.get("AGENTMEM_NIGHTLY"))


@dataclass(frozen=True)
class Site:
    """A project at work on a local Azure that has no PostgreSQL behind it."""

    azure: RecordsOnly
    path: str
    stack: str

    @property
    def shadow(self) -> Shadow:
        return Shadow(ROOT, self.azure.state, (self.stack,))

    @property
    def environment(self) -> dict[str, str]:
        """Of a command, made anew because the doors move when the local Azure starts again."""
        given = {**os.environ, "PATH": self.path, "PYTHONPATH": str(ROOT)}
        return self.shadow.environment(given, self.azure.environment)

    def command(self, *arguments: str) -> dict[str, Any]:
        """What Popen needs to start `pulumi` with these arguments."""
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        return {"args": command, "cwd": self.shadow.folder, "env": self.environment, "stdin": subprocess.DEVNULL, "text": True}

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(**self.command(*arguments), capture_output=True, timeout=100, check=False)

    def up(self, stack: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.pulumi("up", "--stack", stack, "--yes", "--skip-preview", *options)

    def state(self, stack: str) -> StackState:
        return StackState(self.shadow.folder, stack, self.environment)

    def resume(self, stack: str, *, adopt: bool = False) -> int:
        """`agentmem resume --yes`."""
        return resume(self.state(stack), adopt=adopt, yes=True, dry_run=False, as_json=False)

    def cloud(self, stack: str) -> dict[str, Any]:
        """Every resource of the stack in the model by its key."""
        return cloud_at(self.azure.state, stack)

    def forget(self, stack: str) -> None:
        """The stack and its part of the cloud as they were before the first `up`."""
        done = self.pulumi("destroy", "--stack", stack, "--yes", "--skip-preview")
        assert done.returncode == 0, said(done)

    def end_of(self, stack: str, most: int) -> list[str]:
        """`up` again and again, with `resume` where an answer was lost, until one ends well: what each of the failed ones said."""
        failed: list[str] = []
        while (done := self.up(stack)).returncode:
            failed.append(told := said(done))
            assert CLEAR.search(told) and not any(word in told for word in NEVER_SAID), told
            assert len(failed) <= most, "it never ends: " + failed[-1]
            if "already existing resource" in told or ("was lost" in told and not self._written_over(told)):
                assert self.resume(stack, adopt=True) == 0
        return failed

    @staticmethod
    def _written_over(told: str) -> bool:
        """Whether what failed is a parameter: nobody creates one, so the next `up` writes it again."""
        return "azure-native:dbforpostgresql:Configuration (" in told.partition("Diagnostics:")[2]

    def assert_whole(self, stack: str, whole: Whole) -> None:
        """The same cloud as without trouble, and a state that has each of its resources once and wants no change."""
        assert self.cloud(stack) == whole.cloud
        document = self.state(stack).read()
        assert not document["deployment"].get("pending_operations")
        ids = [id_.lower() for urn, id_ in resources(document).items() if id_.startswith("/") and "$azure-native:" in urn]
        assert len(ids) == len(set(ids))
        again = self.up(stack, "--expect-no-changes")
        assert again.returncode == 0, said(again)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that a command wrote."""
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Whole:
    """What an `up` of a stack leaves when nothing goes wrong: the cloud, and the ids of everything that it writes."""

    cloud: dict[str, Any]
    ids: tuple[str, ...]


def undisturbed(folder: Path, stack: str) -> Whole:
    """Made by the other road, which leaves the same (test_stacks.py) in less time."""
    with RecordsOnly(folder) as azure:
        config, subscription = configuration_of(values_of(stack)), azure.environment["ARM_SUBSCRIPTION_ID"]
        plan = capture(PROJECT, stack, config, provider=azure.provider_stub(), subscription=subscription)
    ids = (arm_id(each.type, each.inputs, subscription) for each in plan.registrations if each.type.startswith("azure-native:"))
    return Whole(cloud_at(folder, stack), tuple(each for each in ids if each is not None))


def site_at(azure: RecordsOnly, path: str, stack: str = "dev") -> Site:
    """A site whose one stack is made."""
    found = Site(azure, path, stack)
    found.shadow.prepare(found.environment)
    return found
