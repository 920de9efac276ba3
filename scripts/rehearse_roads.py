"""The two roads of a rehearsal from a stack file to a cloud: the real Pulumi engine, or the captured registrations of the program.

Both run the same program on the same local Azure and leave the same cloud; the engine's is the one that a person takes later.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from scripts import preview
from scripts.edges import capture, passwords, stack_file
from scripts.edges.exits import BAD, BUSY, USAGE, Failure

if TYPE_CHECKING:
    from scripts.edges import pulumi_cli
    from scripts.edges.shadow import Shadow
    from scripts.local_azure.serve import LocalAzure

# Nothing of a rehearsal that is broken off is worth waiting for: its cloud and its state are thrown away.
_PATIENCE_SECONDS = 1.0


# Which road is asked for; auto takes the real engine where there is one.
Choice = Literal["auto", "pulumi", "capture"]


@dataclass(frozen=True)
class Planned:
    """What a preview says: how many resources of each kind are to be created, and the program's mistakes."""

    kinds: Mapping[str, int]
    problems: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many resources altogether, without the stack, components and providers."""
        return sum(self.kinds.values())


# Told of each resource: its name, and whether it is there now.
Watch = Callable[[str, bool], None]


class Road(Protocol):
    """A way from a stack file to a cloud."""

    @property
    def title(self) -> str:
        """The road as the first line names it."""

    @property
    def engine(self) -> str:
        """The same for a program: "pulumi 3.259.0", or "capture"."""

    def plan(self, stage: Stage) -> Planned:
        """What is to be created. Raises Failure."""

    def create(self, stage: Stage, watch: Watch) -> str:
        """Create it; returns the password of the server's administrator. Raises Failure."""


def road(choice: Choice, loaded: stack_file.Loaded, folder: Path) -> Road:
    """The road to take. Raises Failure if the real engine is asked for and cannot be used."""
    if choice == "capture":
        return Captured(loaded, "as asked")
    from scripts.edges import pulumi_cli

    engine = pulumi_cli.choose(os.environ, folder.absolute() / ".tools" / "bin")
    if isinstance(engine, pulumi_cli.Engine):
        return ByEngine(loaded, folder.absolute(), engine)
    if choice == "pulumi":
        raise Failure(USAGE, engine, hint="install Pulumi, or `make tools` builds an engine into .tools/bin")
    return Captured(loaded, engine)


@dataclass
class Stage:
    """The local Azure of a rehearsal: empty at first, and started when it is first needed."""

    state: Path
    _azure: LocalAzure | None = None

    def azure(self) -> LocalAzure:
        """The local Azure. Raises LocalAzureFailed if it does not start."""
        from scripts.local_azure.serve import LocalAzure

        if self._azure is None:
            azure = LocalAzure(self.state, fresh=True)
            azure.start()
            self._azure = azure
        return self._azure

    def stop(self) -> None:
        """Stop it and keep its log, which may tell what failed."""
        if self._azure is not None:
            self._azure.stop()

    def forget(self) -> None:
        """Stop it and leave nothing of it, not even empty folders."""
        if self._azure is not None:
            self._azure.forget()
            with contextlib.suppress(OSError):  # reports, or another rehearsal
                for folder in self.state.parents[:2]:
                    folder.rmdir()


@contextmanager
def stage(state: Path) -> Iterator[Stage]:
    """The stage of a rehearsal, with its local Azure in `state`. Whatever ends the block, nothing runs on."""
    from scripts.local_azure.serve import LocalAzureFailed

    opened = Stage(state.absolute())
    try:
        yield opened
    except LocalAzureFailed as error:
        opened.stop()
        hint = f"another rehearsal is running here, process {error.pid}" if error.pid else error.hint or f"its log is in {state}"
        raise Failure(BUSY if error.pid else BAD, f"the local Azure failed: {error}", hint=hint) from None
    except Exception:
        opened.stop()
        raise
    except BaseException:  # Ctrl-C: nobody will look at what is left
        opened.forget()
        raise
    opened.forget()


@dataclass
class Captured:
    """Without an engine: the program registers its resources with us, and we create them at the provider's door."""

    loaded: stack_file.Loaded
    why: str
    engine: str = "capture"

    @property
    def title(self) -> str:
        """The road as the first line names it, and why it is not the other one."""
        return f"captured registrations, {self.why}"

    def plan(self, stage: Stage) -> Planned:
        """The program's registrations, with the ids that Azure will give; needs no Azure."""
        plan = preview.plan_of(self.loaded, capture.Mode.RESOLVED)
        return Planned(plan.by_kind(), tuple(map(str, preview.mistakes(plan))))

    def create(self, stage: Stage, watch: Watch) -> str:
        """The same program as in the preview, its registrations now really created by the local Azure."""
        password, azure = passwords.made_up(), stage.azure()
        capture.capture(
            capture.PROJECT,
            self.loaded.stack,
            capture.configuration_of(self.loaded.values, {capture.PASSWORD_KEY: password}),
            provider=azure.provider_stub(),
            on_event=lambda event: watch(event.name, event.kind == "done"),
            subscription=azure.environment["ARM_SUBSCRIPTION_ID"],
        )
        return password


@dataclass
class ByEngine:
    """With the real engine, in a shadow of the project: `pulumi preview` and `pulumi up`, as a person runs them."""

    loaded: stack_file.Loaded
    folder: Path
    chosen: pulumi_cli.Engine
    _shadow: Shadow | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """The road as the first line names it."""
        return f"real Pulumi engine {self.chosen.version}"

    @property
    def engine(self) -> str:
        """The road as JSON names it."""
        return f"pulumi {self.chosen.version}"

    def plan(self, stage: Stage) -> Planned:
        """What the engine would create on the empty local Azure."""
        from scripts.edges import pulumi_cli

        shadow, environment = self._prepared(stage)
        steps = pulumi_cli.preview(_command(environment), environment, shadow.folder, self.loaded.stack).steps
        kinds = Counter(step.kind for step in steps if step.operation == "create" and step.custom)
        return Planned(dict(sorted(kinds.items(), key=lambda entry: (-entry[1], entry[0]))))

    def create(self, stage: Stage, watch: Watch) -> str:
        """`pulumi up`; the password is the one that the shadow made up."""
        from scripts.edges import pulumi_cli

        shadow, environment = self._prepared(stage)

        def hear(event: pulumi_cli.Event) -> None:
            if event.step.custom:
                watch(event.name, event.kind == "done")

        pulumi_cli.up(_command(environment), environment, shadow.folder, self.loaded.stack, hear, patience=_PATIENCE_SECONDS)
        return shadow.password()

    def _prepared(self, stage: Stage) -> tuple[Shadow, dict[str, str]]:
        from scripts.edges.shadow import Shadow

        given = {**os.environ, "PATH": self.chosen.path}
        azure = stage.azure()
        if self._shadow is None:
            shadow = Shadow(self.folder, azure.state, (self.loaded.stack,))
            shadow.prepare(shadow.environment(given, azure.environment))
            self._shadow = shadow
        return self._shadow, self._shadow.environment(given, azure.environment)


def _command(environment: Mapping[str, str]) -> str:
    from scripts.edges import pulumi_cli

    return pulumi_cli.found(environment) or "pulumi"
