"""What a stack tells others: enough to connect, and no password."""

from __future__ import annotations

import psycopg.conninfo
import pytest

from infra.domain.environment import STACKS
from infra.domain.registrations import UNKNOWN
from scripts.edges.capture import Mode
from tests.infra.plans import plan_of
from tests.infra.test_network import ENDPOINT


def test_server_with_pooler_tells_both_ports() -> None:
    outputs = plan_of("prod").outputs
    assert (outputs["port"], outputs["pooled_port"]) == (5432, 6432)
    assert psycopg.conninfo.conninfo_to_dict(outputs["pooled_dsn"])["port"] == "6432"


def test_server_without_pooler_tells_one() -> None:
    outputs = plan_of("dev").outputs
    assert outputs["port"] == 5432
    assert not {"pooled_port", "pooled_dsn"} & set(outputs)


@pytest.mark.parametrize("stack", STACKS)
def test_dsn_connects_to_the_host_that_is_told_and_has_no_password(stack: str) -> None:
    outputs = plan_of(stack).outputs
    found = psycopg.conninfo.conninfo_to_dict(outputs["dsn"])
    assert found == {"host": outputs["host"], "port": "5432", "user": "cogadmin", "dbname": outputs["database"], "sslmode": "verify-full"}


@pytest.mark.parametrize("stack", STACKS)
def test_first_preview_knows_everything_but_ids_and_the_host(stack: str) -> None:
    unknown = {name for name, value in plan_of(stack, mode=Mode.UNKNOWN).outputs.items() if value == UNKNOWN}
    assert unknown == {name for name in plan_of(stack).outputs if name.endswith("_id")} | {"host"}


def test_private_endpoint_is_told() -> None:
    assert plan_of("prod", ENDPOINT).outputs["private_endpoint_id"].endswith("/privateEndpoints/pe-zepmem-prod")
    assert "private_endpoint_id" not in plan_of("prod").outputs
