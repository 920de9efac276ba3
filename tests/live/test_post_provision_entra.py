"""Post-provision with a token of Microsoft Entra ID: azure-identity as it is, against the identity door of the local Azure."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import Environment
from infra.domain.parsing import parse
from scripts import post_provision
from scripts.edges import capture, stack_file
from scripts.edges.exits import REFUSED, USAGE, Failure
from scripts.local_azure.identity_door import OBJECT_ID
from scripts.local_azure.serve import LocalAzure

ADMINISTRATOR = {"object_id": OBJECT_ID, "principal_name": "agents", "principal_type": "ServicePrincipal"}


@pytest.fixture(scope="module")
def dev(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """dev with an Entra administrator, made by the program on the local Azure, whose environment is this process's."""
    values: dict[str, Any] = copy.deepcopy(dict(stack_file.load("dev", root).values))
    values["access"]["entra_administrators"] = [ADMINISTRATOR]
    values["network"]["firewall"] = [{"name": "here", "start": "127.0.0.1", "end": "127.0.0.1"}]
    with LocalAzure(tmp_path_factory.mktemp("azure")) as azure:
        subscription = azure.environment["ARM_SUBSCRIPTION_ID"]
        config = capture.configuration_of(values)
        capture.capture(capture.PROJECT, "dev", config, provider=azure.provider_stub(), subscription=subscription)
        with azure.as_environment():  # now that the server has an address
            yield parse(values, "dev")
        azure.forget()


def test_the_declared_principal_logs_in_with_its_token_and_provisions(dev: Environment) -> None:
    report = post_provision.bring(dev, entra=True, quiet=True)
    assert report.ok
    assert report.applied
    assert "2 vector sets wait for tables" in report.summary
    again = post_provision.bring(dev, entra=True, quiet=True)
    assert not again.applied


def test_a_principal_that_is_no_administrator_is_refused(dev: Environment) -> None:
    with pytest.raises(Failure) as caught:
        post_provision.bring(dev, entra=True, user="somebody", quiet=True)
    assert caught.value.code == REFUSED


def test_without_a_declared_principal_a_name_is_asked_for(dev: Environment, root: Path) -> None:
    with pytest.raises(Failure) as caught:
        post_provision.bring(stack_file.read("dev", root), entra=True, quiet=True)
    assert caught.value.code == USAGE
