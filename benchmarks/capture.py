"""How fast a plan is captured, against the SDK's own test harness (`pulumi.runtime.set_mocks`) on the same program."""

from __future__ import annotations

import contextvars
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.pairs import in_turn

_ROOT = Path(__file__).resolve().parents[1]
_PEER = "pulumi.runtime.set_mocks"
# A stack of the size of ours: a group, a network, a server and a chain of twenty parameters, each waiting for the one before.
_PROGRAM = """
import pulumi
from pulumi_azure_native import dbforpostgresql as postgresql, network, resources

group = resources.ResourceGroup("group", resource_group_name="rg", location="westeurope")
net = network.VirtualNetwork(
    "network", resource_group_name=group.name, virtual_network_name="net", location="westeurope",
    address_space={"address_prefixes": ["10.0.0.0/16"]})
subnet = network.Subnet(
    "subnet", resource_group_name=group.name, virtual_network_name=net.name, subnet_name="s", address_prefix="10.0.1.0/28")
server = postgresql.Server(
    "server", resource_group_name=group.name, server_name="zep", location="westeurope", version="16",
    sku={"name": "Standard_D2s_v3", "tier": "GeneralPurpose"}, storage={"storage_size_gb": 128}, availability_zone="1",
    network={"delegated_subnet_resource_id": subnet.id}, administrator_login_password=pulumi.Output.secret("made-up"),
    opts=pulumi.ResourceOptions(protect=True, ignore_changes=["availabilityZone"]))
before = server
for number in range(20):
    before = postgresql.Configuration(
        f"parameter-{number}", resource_group_name=group.name, server_name=server.name, configuration_name=f"p.{number}",
        value=str(number), source="user-override", opts=pulumi.ResourceOptions(depends_on=[before], deleted_with=server))
pulumi.export("id", server.id)
"""
_RESOURCES = 24
_FURTHER = 4  # runs after the first whose mean counts: five environments in one process


def measure(quick: bool) -> list[dict[str, object]]:
    """CPU seconds of new processes: one plan with everything it imports, and each further plan in the same process.

    The goal is to be no slower; the first figure is mostly the import of the SDK, which both sides share.
    """
    pairs = 3 if quick else 7
    figures = {"first plan in a process": "first", "each further plan": "further"}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "__main__.py"
        program.write_text(_PROGRAM, encoding="utf-8")
        _child("ours", program), _child("peer", program)  # writes the bytecode
        rows = [
            in_turn(figure, _timer("ours", part, program), _PEER, _timer("peer", part, program), pairs=pairs, at_most=1.0)
            for figure, part in figures.items()
        ]
    return [row.as_json() for row in rows]


def _timer(side: str, part: str, program: Path) -> Callable[[], float]:
    return lambda: _child(side, program)[part]


def _child(side: str, program: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.capture", side, str(program)]
    found = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(found.stdout))


def _ours(program: Path) -> int:
    from scripts.edges.capture import Mode, capture

    return capture("agent-memory", "prod", {}, mode=Mode.RESOLVED, program=program).count


def _peer(program: Path) -> int:
    """The harness as its manual shows it; a fresh context makes a second run in one process possible at all."""
    return contextvars.Context().run(_mocked, program)


def _mocked(program: Path) -> int:
    import runpy

    import pulumi
    from pulumi.runtime import mocks

    seen: list[mocks.MockResourceArgs] = []

    class Mocks(mocks.Mocks):
        def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, object], list[tuple[str, str]] | None]:
            return {}, None

        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
            seen.append(args)
            return f"{args.name}_id", {**args.inputs, "name": args.name}

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        runpy.run_path(str(program), run_name="__main__")

    pulumi.runtime.set_mocks(Mocks(), project="agent-memory", stack="prod", preview=False)
    run()
    return len(seen)


def _main(side: str, program: Path) -> None:
    """Print CPU seconds since the process began for the first plan, and the mean of the further ones."""
    run = {"ours": _ours, "peer": _peer}[side]
    if run(program) != _RESOURCES:
        raise SystemExit(f"{side} did not see all {_RESOURCES} resources")
    first = time.process_time()
    for _ in range(_FURTHER):
        run(program)
    print(json.dumps({"first": first, "further": (time.process_time() - first) / _FURTHER}))


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
