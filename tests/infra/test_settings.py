"""Reading the configuration: everything wrong at once, and nothing registered while something is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from infra.domain.problem import Invalid, Problem
from scripts.edges import run
from scripts.edges.capture import PASSWORD_KEY, PROGRAM, capture
from scripts.edges.monitor import Monitor, Resolving
from tests.infra.plans import ROOT, SERVER, config_of, plan_of, plan_with
from tests.infra.test_server import ENTRA_ONLY

PASSWORD = "Not-the-marker-but-as-secret-7"


def problems_of(config: dict[str, str], stack: str = "dev", secret_keys: tuple[str, ...] = (PASSWORD_KEY,)) -> dict[str, Problem]:
    with pytest.raises(Invalid) as caught:
        plan_with(config, stack, secret_keys)
    return {problem.key: problem for problem in caught.value.problems}


def test_missing_password_is_told_with_the_command_that_sets_it() -> None:
    config = config_of("dev")
    del config[PASSWORD_KEY]
    problem = problems_of(config)["administrator_password"]
    assert "not set" in problem.message
    assert "pulumi config set --secret agent-memory:administrator_password" in problem.hint


def test_empty_password_is_missing() -> None:
    assert "administrator_password" in problems_of({**config_of("dev"), PASSWORD_KEY: ""})


def test_password_in_clear_is_refused_and_not_repeated() -> None:
    problem = problems_of({**config_of("dev"), PASSWORD_KEY: PASSWORD}, secret_keys=())["administrator_password"]
    assert "in clear" in problem.message
    assert PASSWORD not in str(problem) and problem.found is None


def test_password_reaches_the_server_as_a_secret_and_nothing_else() -> None:
    plan = plan_of("dev", password=PASSWORD)
    assert plan.find(SERVER).inputs["administratorLoginPassword"] == "[secret]"
    assert PASSWORD not in plan.to_json()


def test_entra_only_server_needs_no_password() -> None:
    plan = plan_of("dev", ENTRA_ONLY)
    assert "administratorLoginPassword" not in plan.find(SERVER).inputs


def test_unknown_key_is_a_problem_with_a_suggestion() -> None:
    problem = problems_of({**config_of("dev"), "agent-memory:serverr": "{}"})["serverr"]
    assert "server" in problem.hint


def test_key_of_another_namespace_is_a_problem() -> None:
    assert "agent-memry:server" in problems_of({**config_of("dev"), "agent-memry:server": "{}"})


def test_stack_and_environment_must_agree() -> None:
    assert "environment" in problems_of(config_of("dev"), "prod")


def test_broken_object_is_told_as_what_it_should_have_been() -> None:
    assert "server" in problems_of({**config_of("dev"), "agent-memory:server": "{name: x"})


def test_everything_wrong_is_told_at_once() -> None:
    config = {**config_of("dev"), "agent-memory:serverr": "{}", "other:key": "1", "agent-memory:storage": "[]"}
    assert {"serverr", "other:key", "storage"} <= set(problems_of(config))


def test_missing_password_is_told_together_with_the_rules() -> None:
    config = config_of("dev")
    del config[PASSWORD_KEY]
    config["agent-memory:backup"] = config["agent-memory:backup"].replace('"retention_days":7', '"retention_days":45')
    assert {"administrator_password", "backup.retention_days"} <= set(problems_of(config))


@pytest.mark.parametrize("broken", [{"agent-memory:storage": "[]"}, {PASSWORD_KEY: ""}, {"other:key": "1"}])
def test_nothing_is_registered_while_there_is_a_problem(broken: dict[str, str]) -> None:
    monitor = Monitor("agent-memory", "dev", Resolving())
    with pytest.raises(Invalid):
        run.program(PROGRAM, monitor, {**config_of("dev"), **broken}, [PASSWORD_KEY], dry_run=True)
    assert monitor.plan.registrations == ()


def test_settings_are_read_from_the_language_hosts_environment_too() -> None:
    """The real host hands the configuration on in PULUMI_CONFIG."""
    program = (
        "import os, json; os.environ['PULUMI_CONFIG'] = json.dumps({'agent-memory:nonsense': '1'});"
        "from infra.settings import _all_keys; print(sorted(_all_keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env={**os.environ}, check=True)
    assert done.stdout.strip() == "['agent-memory:nonsense']"


def test_null_is_null_however_pulumi_hands_it_on() -> None:
    today, announced = ({**config_of("dev"), "agent-memory:replica": text} for text in ("", "null"))
    assert plan_with(announced, "dev").to_json() == plan_with(today, "dev").to_json()


def test_another_name_of_the_project_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        capture("other", "dev", config_of("dev"), (PASSWORD_KEY,))
    assert [(problem.message, problem.hint) for problem in caught.value.problems] == [
        ("name is other in Pulumi.yaml, the stacks belong to agent-memory", "name: agent-memory")
    ]
