"""What our program and the local Azure's door add to the wall time of the real Pulumi engine.

The peer does the same work without us: a program that makes the same resources with the same classes of the SDK from a list, and a
provider that only echoes. PostgreSQL is left out on our side too: the model runs without servers behind it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import echo_provider
from benchmarks.pairs import in_turn
from infra.domain.registrations import PROVIDER_PREFIX, SECRET, Plan
from scripts.edges.capture import PROJECT, Mode, capture, configuration_of
from scripts.edges.shadow import Shadow
from scripts.edges.stack_file import load

_ROOT = Path(__file__).resolve().parents[1]
_STACK = "prod"
_PEER = "the same resources from a list, a provider that echoes"
# A quarter of the engine's own wall time may be ours.
_AT_MOST = 1.25
_SECONDS = 120.0
# `PLAN` beside the program holds [type, name, parent, custom, inputs, protect, depends_on] for each resource, in order.
_PROGRAM = f"""
import json, pathlib, re
import pulumi
import pulumi_azure_native

made = {{}}

def opened(value):
    if isinstance(value, dict):
        return {{key: opened(item) for key, item in value.items()}}
    if isinstance(value, list):
        return [opened(item) for item in value]
    return pulumi.Output.secret("made-up") if value == {SECRET!r} else value

for type_, name, parent, custom, inputs, protect, after in json.loads((pathlib.Path(__file__).parent / "plan.json").read_text()):
    options = pulumi.ResourceOptions(parent=made.get(parent), protect=protect, depends_on=[made[urn] for urn in after])
    if custom:
        module, _, kind = type_.removeprefix("azure-native:").rpartition(":")
        arguments = {{re.sub("(?<!^)(?=[A-Z])", "_", key).lower(): opened(value) for key, value in inputs.items()}}
        made[name] = getattr(getattr(pulumi_azure_native, module), kind)(name, opts=options, **arguments)
    else:
        made[name] = pulumi.ComponentResource(type_, name, None, options)
"""


@dataclass(frozen=True)
class Side:
    """One of the two: a shadow project whose engine talks to one provider."""

    shadow: Shadow
    environment: Mapping[str, str]

    def seconds(self, *arguments: str) -> float:
        """Wall seconds of one `pulumi` command, start of the engine and of Python included."""
        began = time.perf_counter()
        command = ("pulumi", *arguments, "--stack", _STACK, "--non-interactive", "--color", "never")
        run = {"cwd": self.shadow.folder, "env": dict(self.environment), "timeout": _SECONDS}
        done = subprocess.run(command, capture_output=True, text=True, check=False, **run)  # type: ignore[call-overload]
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
        return time.perf_counter() - began


def measure(quick: bool) -> list[dict[str, object]]:
    """Wall seconds of `pulumi preview`, of the first `pulumi up`, and of an up with nothing to do, each against the peer's."""
    pairs = 3 if quick else 7
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        previews = [_ours(folder / "ours", stack), _peer(folder / "peer", stack)]
        for side in previews:
            side.seconds("preview")  # writes the bytecode
        fresh = [(_ours(folder / f"ours{n}", stack), _peer(folder / f"peer{n}", stack)) for n in range(pairs)]
        ups = [iter(sides) for sides in zip(*fresh, strict=True)]
        first = [lambda ups=ups[n]: next(ups).seconds("up", "--yes", "--skip-preview") for n in (0, 1)]
        idle = [lambda side=fresh[0][n]: side.seconds("up", "--yes", "--skip-preview") for n in (0, 1)]
        shown = [lambda side=side: side.seconds("preview") for side in previews]
        figures = {"preview of a new stack": shown, "first up, without PostgreSQL": first, "up with nothing to do": idle}
        return [in_turn(figure, ours, _PEER, theirs, pairs=pairs, at_most=_AT_MOST).as_json() for figure, (ours, theirs) in figures.items()]


def _ours(folder: Path, stack: ExitStack) -> Side:
    """The product's program, and the provider's door over a model without servers."""
    from scripts.local_azure.cloud import Cloud, Pace
    from scripts.local_azure.doors import SUBSCRIPTION, TENANT
    from scripts.local_azure.identity_door import OBJECT_ID
    from scripts.local_azure.provider_door import Provider, ProviderDoor
    from scripts.local_azure.world import NoServers

    cloud = Cloud(folder / "azure", subscription=SUBSCRIPTION, tenant=TENANT, pace=Pace.FAST, backend=NoServers())
    stack.callback(cloud.close)
    door = ProviderDoor(Provider(cloud, SUBSCRIPTION, TENANT, OBJECT_ID))
    door.start()
    stack.callback(door.close)
    return _side(_ROOT, folder / "shadow", door.port)


def _peer(folder: Path, stack: ExitStack) -> Side:
    """A project of its own, whose program makes from a list what ours makes from a stack file."""
    project = folder / "project"
    project.mkdir(parents=True)
    (project / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\nmain: __main__.py\n", encoding="utf-8")
    (project / f"Pulumi.{_STACK}.yaml").write_text("config:\n  azure-native:location: westeurope\n", encoding="utf-8")
    (project / "__main__.py").write_text(_PROGRAM, encoding="utf-8")
    (project / "plan.json").write_text(json.dumps(_listed(_plan())), encoding="utf-8")
    server, port = echo_provider.serve()
    stack.callback(lambda: server.stop(grace=1.0).wait())
    return _side(project, folder / "shadow", port)


def _side(project: Path, state: Path, port: int) -> Side:
    shadow = Shadow(project, state)
    given = {**os.environ, "PATH": os.pathsep.join((os.environ["PATH"], str(_ROOT / ".tools" / "bin")))}
    # A made-up subscription, as the local Azure's own: nothing behind these doors is real.
    environment = shadow.environment(given, {"PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}"})
    shadow.prepare(environment)
    return Side(shadow, environment)


def _plan() -> Plan:
    loaded = load(_STACK, _ROOT)
    return capture(PROJECT, _STACK, configuration_of(loaded.values), mode=Mode.RESOLVED)


def _listed(plan: Plan) -> list[list[object]]:
    kept = [item for item in plan.registrations if not item.type.startswith(PROVIDER_PREFIX)]
    named = {item.urn: item.name for item in kept}
    return [
        [item.type, item.name, named.get(item.parent, ""), item.custom, dict(item.inputs), item.protect, list(item.depends_on)]
        for item in kept
    ]
