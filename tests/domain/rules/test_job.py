"""P5: the place of one-off containers inside the network."""

from __future__ import annotations

from typing import Any

import pytest

from infra.domain import names
from infra.domain.check import judge
from infra.domain.environment import Job, entra_logins
from infra.domain.problem import Severity
from infra.domain.rules.job import ID
from tests.builders import PUBLIC, build_environment

DIGEST = f"@sha256:{'0' * 64}"
JOB: dict[str, Any] = {"image": f"r.azurecr.io/agentmem:1{DIGEST}", "subnet": "10.20.2.0/28", "nat_gateway": True}


def messages(**changes: object) -> list[str]:
    job = {**JOB, **{key: value for key, value in changes.items() if "__" not in key}}
    more = {key: value for key, value in changes.items() if "__" in key}
    return [problem.message for problem in judge(build_environment({"network.job": job}, **more)) if problem.rule == ID]


def test_a_place_beside_the_server_is_fit_and_none_is_needed() -> None:
    assert messages() == []
    assert build_environment().network.job is None, "older stack files do not have the key"
    assert build_environment({"network.job": JOB}).network.job == Job(**JOB)


@pytest.mark.parametrize(
    ("subnet", "says"),
    [
        ("10.20.2.0", "is 10.20.2.0, which is not an IPv4 network"),
        ("10.20.2.1/28", "is 10.20.2.1/28, which is not an IPv4 network"),
        ("10.21.2.0/28", "is 10.21.2.0/28, which is outside network.address_space 10.20.0.0/16"),
        ("10.20.1.0/28", "is 10.20.1.0/28, which overlaps network.subnet 10.20.1.0/28: a subnet is delegated to one service"),
        ("10.20.0.0/16", "is 10.20.0.0/16, which overlaps network.subnet 10.20.1.0/28: a subnet is delegated to one service"),
        ("10.20.2.0/29", "is a /29, a /28 is the least: Azure takes five addresses, and each container one"),
    ],
)
def test_a_subnet_that_would_not_do(subnet: str, says: str) -> None:
    assert messages(subnet=subnet) == [f"network.job.subnet {says}"]


def test_a_public_server_has_no_inside() -> None:
    found = [problem.message for problem in judge(build_environment(PUBLIC, {"network.job": JOB})) if problem.rule == ID]
    assert found == ["network.job is set, but network.mode is public: there is no network to run inside"]


@pytest.mark.parametrize("image", ["agentmem:1", "r.azurecr.io/Agentmem:1", "https://r.azurecr.io/agentmem:1", "r.azurecr.io/a@sha256:1"])
def test_what_is_no_image_of_a_registry(image: str) -> None:
    assert messages(image=image) == [f"network.job.image is {image}, which is not an image of a registry"]


def test_a_tag_alone_is_warned_of_where_it_matters() -> None:
    (problem,) = [each for each in judge(build_environment({"network.job": {**JOB, "image": "r.io/a:1"}})) if each.rule == ID]
    assert problem.severity is Severity.WARN
    assert problem.message.startswith("network.job.image is r.io/a:1, named by a tag: whoever may push to the registry decides")
    dev = build_environment({"environment": "dev", "network.job": {**JOB, "image": "localhost:5000/team/agentmem:1"}})
    assert [each for each in judge(dev) if each.rule == ID] == []


def test_the_role_of_the_containers_is_nobody_elses() -> None:
    principal = {"object_id": "00000000-0000-4000-8000-000000000009", "principal_name": names.JOB, "principal_type": "ServicePrincipal"}
    assert messages(access__entra_administrators=[principal]) == [
        "access.entra_administrators[0].principal_name is agentmem-job, which network.job makes an administrator by itself"
    ]
    assert messages(access__administrator=names.JOB) == ["access.administrator is agentmem-job, the role of network.job"]


def test_with_a_place_the_server_takes_logins_of_entra() -> None:
    assert not entra_logins(build_environment())
    assert entra_logins(build_environment({"network.job": JOB}))
