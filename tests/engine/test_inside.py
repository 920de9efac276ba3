"""A private prod with a place for containers, made by the real engine: no difference afterwards, and a verb that runs inside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.conftest import Terminal
from tests.engine.own_project import copied, edit

# The name of a private server leads nowhere outside of its network.
OUTSIDE = ("env", "AGENTMEM_HOSTS=zepmem-prod.postgres.database.azure.com=127.0.0.2:1")
JOB = f"job: {{image: 'r.azurecr.io/agentmem:1@sha256:{'0' * 64}', subnet: 10.20.2.0/28, nat_gateway: true}}"


@pytest.fixture(scope="module")
def made(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """prod, up."""
    project = copied(tmp_path_factory.mktemp("project"), "prod")
    edit(project, "prod", {"dns_zone: null, firewall: []}": f"dns_zone: null, firewall: [], {JOB}}}"})
    person = Terminal(tmp_path_factory.mktemp("state"), path_with_pulumi, project)
    with person.serving():
        done = person.pulumi("up", "--stack", "prod", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout + done.stderr
        yield person


def test_what_was_made_for_containers_is_no_difference_afterwards(made: Terminal) -> None:
    done = made.pulumi("preview", "--stack", "prod", "--refresh", "--expect-no-changes")
    assert done.returncode == 0, done.stdout + done.stderr


def test_post_provision_from_outside_is_refused_and_from_inside_done(made: Terminal) -> None:
    refused = made.run(*OUTSIDE, "agentmem", "post-provision", "--stack", "prod")
    assert refused.returncode == 4
    assert refused.stderr.splitlines()[-1] == "hint: run it inside the network: agentmem inside --stack prod -- VERB"
    done = made.run(*OUTSIDE, "agentmem", "inside", "--stack", "prod", "--", "post-provision")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vector 0.8" in done.stdout.splitlines()[-1]
    assert "/containergroups/" not in (made.state / "cloud.json").read_text(encoding="utf-8").lower()
