"""What a capture shows of a program, in both modes, and how it ends when the program is wrong."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import rpc, set_all_config
from pulumi.runtime.config import CONFIG
from pulumi.runtime.settings import ROOT

from infra.domain.azure.arm_ids import NO_SUBSCRIPTION
from infra.domain.problem import Invalid
from infra.domain.registrations import SECRET, UNKNOWN
from scripts.edges.capture import MARKER, PASSWORD_KEY, Mode, capture, configuration_of
from scripts.edges.exits import Failure
from tests.scripts.edges.small_programs import HOOKED, PROGRAM, run

REPOSITORY = Path(__file__).resolve().parents[3]
SERVER_ID = f"/subscriptions/{NO_SUBSCRIPTION}/resourceGroups/rg-zep/providers/Microsoft.DBforPostgreSQL/flexibleServers/zep"


# -- what is seen ---------------------------------------------------------------------------------------------------


def test_a_first_preview_knows_no_ids_and_skips_apply_bodies(tmp_path: Path) -> None:
    plan = run(tmp_path)
    assert plan.outputs == {"id": UNKNOWN, "host": UNKNOWN, "upper": UNKNOWN, "password": SECRET, "stack": "prod"}
    assert plan.find("work_mem").inputs["serverName"] == UNKNOWN
    assert plan.count == 5


def test_a_resolved_plan_has_the_ids_and_names_of_azure_and_runs_apply_bodies(tmp_path: Path) -> None:
    plan = run(tmp_path, mode=Mode.RESOLVED)
    assert plan.outputs["id"] == SERVER_ID
    assert plan.outputs["host"] == "zep.postgres.database.azure.com"
    assert plan.outputs["upper"] == "ZEP"
    assert plan.find("work_mem").inputs == {
        "configurationName": "work_mem", "resourceGroupName": "rg-zep", "serverName": "zep", "source": "user-override", "value": "16384"
    }  # fmt: skip


def test_what_azure_alone_knows_stays_unknown_in_a_resolved_plan(tmp_path: Path) -> None:
    text = PROGRAM + "\npulumi.export('state', store.server.state)\npulumi.export('later', store.server.state.apply(lambda s: s.upper()))\n"
    plan = run(tmp_path, text, mode=Mode.RESOLVED)
    assert plan.outputs["state"] == UNKNOWN and plan.outputs["later"] == UNKNOWN


def test_the_options_of_a_resource_are_all_there(tmp_path: Path) -> None:
    plan = run(tmp_path)
    server, parameter = plan.find("server", "Server"), plan.find("work_mem")
    assert server.protect and not parameter.protect
    assert server.ignore_changes == ("availabilityZone", "highAvailability.standbyAvailabilityZone")
    assert server.custom_timeouts == {"create": "45m"}
    assert server.additional_secret_outputs == ("minorVersion",)
    assert server.urn == "urn:pulumi:prod::agent-memory::agent-memory:index:Store$azure-native:dbforpostgresql:Server::server"
    assert parameter.parent == plan.find("server", "Store").urn and plan.find("group").parent == ""
    assert parameter.deleted_with == "server"
    assert parameter.depends_on == ("azure.extensions", "group", "server")
    assert parameter.property_depends_on["serverName"] == ("server",)
    assert server.inputs["storage"] == {"storageSizeGB": 128}


def test_no_secret_and_no_alias_reaches_the_plan(tmp_path: Path) -> None:
    for mode in Mode:
        text = run(tmp_path, mode=mode).to_json()
        assert MARKER not in text and "alias" not in text and rpc._special_sig_key not in text
        assert '"administratorLoginPassword": "[secret]"' in text


def test_hooks_are_named_in_the_plan(tmp_path: Path) -> None:
    plan = run(tmp_path, HOOKED)
    assert plan.find("group").hooks == {"before_create": ("before",), "on_error": ("again",)}


def test_the_callers_identity_is_answered_and_another_call_is_refused(tmp_path: Path) -> None:
    asks = "import pulumi\nfrom pulumi_azure_native import authorization as a\npulumi.export('s', a.get_client_config().subscription_id)\n"
    assert run(tmp_path, asks, subscription="11111111-0000-0000-0000-000000000000").outputs["s"].startswith("1111")
    other = "from pulumi_azure_native import resources as r\nr.get_resource_group(resource_group_name='x')\n"
    with pytest.raises(Failure, match="getResourceGroup"):
        run(tmp_path, other)


def test_five_stacks_in_one_process_do_not_see_each_other(tmp_path: Path) -> None:
    plans = [run(tmp_path, stack=stack) for stack in ("dev", "test", "staging", "uat", "prod")]
    assert [plan.outputs["stack"] for plan in plans] == ["dev", "test", "staging", "uat", "prod"]
    assert all(f"urn:pulumi:{plan.stack}::" in item.urn for plan in plans for item in plan.registrations)
    assert {plan.count for plan in plans} == {5}
    assert run(tmp_path, stack="dev").to_json() == plans[0].to_json()


def test_configuration_of_one_run_is_not_there_in_the_next(tmp_path: Path) -> None:
    path = tmp_path / "__main__.py"
    path.write_text("import pulumi\npulumi.export('x', pulumi.Config('agent-memory').get('x'))\n", encoding="utf-8")
    assert capture("agent-memory", "dev", {"agent-memory:x": "seen"}, program=path).outputs["x"] == "seen"
    assert capture("agent-memory", "dev", {}, program=path).outputs.get("x") is None


def test_the_order_does_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.scripts.edges.small_programs import run; print(run(Path(sys.argv[1])).to_json())"
    )
    texts = set()
    for seed in ("1", "7"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, str(tmp_path)]
        texts.add(subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(texts) == 1


# -- how it ends ----------------------------------------------------------------------------------------------------

_RAISE = """
from infra.domain.problem import Invalid, Problem


def bad(_=None):
    raise Invalid((Problem(key="a", message="a is b", rule="R1"),))


"""
BROKEN = {
    "at once": f"{_RAISE}bad()",
    "after resources": f"{PROGRAM}{_RAISE}bad()",
    "in an apply": f"{PROGRAM}{_RAISE}group.urn.apply(bad)",
    "in an input": f"{PROGRAM}{_RAISE}resources.ResourceGroup('second', resource_group_name=group.urn.apply(bad))",
    "behind pulumi's error": f"{_RAISE}import pulumi\ntry:\n    bad()\nexcept Invalid as why:\n    raise pulumi.RunError('no') from why",
}


@pytest.mark.parametrize("where", BROKEN)
def test_the_problems_of_a_program_arrive_as_invalid(tmp_path: Path, where: str) -> None:
    with pytest.raises(Invalid) as found:
        run(tmp_path, BROKEN[where])
    assert [problem.rule for problem in found.value.problems] == ["R1"]


def test_an_exception_arrives_as_it_was_raised_without_noise(tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        run(
            tmp_path, PROGRAM + "\ngroup.urn.apply(lambda urn: 1 / 0)\nfor n in range(20):\n    store.server.urn.apply(lambda urn: 1 / 0)\n"
        )
    gc.collect()
    noise = capfd.readouterr()
    assert noise.out == "" and noise.err == "" and caplog.text == ""
    assert run(tmp_path).count == 5  # and the next run is none the worse


def test_a_failed_run_leaves_no_waiting_task_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="enough") as found:
        run(tmp_path, f"{PROGRAM}raise RuntimeError('enough')")
    # The traceback keeps the loop alive here, so that what still waits in it can be counted.
    assert found.value.__traceback__ is not None
    waiting = [item for item in gc.get_objects() if isinstance(item, asyncio.Task) and not item.done()]
    assert waiting == []


def test_the_callers_own_pulumi_settings_stay_as_they_are(tmp_path: Path) -> None:
    def caller() -> None:
        set_all_config({"agent-memory:x": "mine"})
        run(tmp_path)
        assert CONFIG.get() == {"agent-memory:x": "mine"}
        assert ROOT.get() is None

    contextvars.copy_context().run(caller)


def test_what_the_program_logged_as_an_error_is_told_with_its_exception(tmp_path: Path) -> None:
    with pytest.raises(KeyError) as found:
        run(tmp_path, "import pulumi\npulumi.log.error('the zone is gone')\nraise KeyError('zone')\n")
    assert found.value.__notes__ == ["the zone is gone"]


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"group .* is registered twice"):
        run(tmp_path, PROGRAM + "\nresources.ResourceGroup('group', resource_group_name='other')\n")


# -- configuration --------------------------------------------------------------------------------------------------


def test_values_become_what_pulumi_delivers() -> None:
    values = {
        "location": "westeurope",
        "replica": None,
        "server": {"zone": 1, "allow": False},
        "vector_sets": [1],
        "number": 16,
        "on": True,
    }
    assert configuration_of(values) == {
        "azure-native:location": "westeurope",
        "agent-memory:replica": "",
        "agent-memory:server": '{"zone":1,"allow":false}',
        "agent-memory:vector_sets": "[1]",
        "agent-memory:number": "16",
        "agent-memory:on": "true",
        PASSWORD_KEY: MARKER,
    }


def test_a_secret_from_the_file_is_replaced_and_a_given_one_is_used() -> None:
    file = {PASSWORD_KEY: {"secure": "v1:abc"}}
    assert configuration_of(file)[PASSWORD_KEY] == MARKER
    assert configuration_of(file, {"administrator_password": "real"})[PASSWORD_KEY] == "real"


def test_importing_the_capture_loads_no_sdk() -> None:
    code = "import sys, scripts.edges.capture; print([m for m in ('pulumi', 'grpc', 'google.protobuf') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip() == "[]"
