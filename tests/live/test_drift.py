"""The drift of a real database: nothing after post-provision, and then what somebody did by hand, whoever looks."""

from __future__ import annotations

import pytest

from infra.domain.changes import database_drift
from infra.domain.changes.change import Danger
from infra.domain.environment import Environment
from scripts import post_provision
from scripts.drift import administrators
from tests.live.conftest import PASSWORD, Database

pytestmark = pytest.mark.live


def _drift(environment: Environment, database: Database, user: str = "cogadmin") -> dict[str, Danger]:
    """The class of each thing that differs, as `agentmem drift` finds it."""
    found = post_provision.bring(environment, dsn=database.dsn(user), password=PASSWORD, dry_run=True, quiet=True)
    onlooker = user not in administrators(environment)
    report = database_drift.report(environment.name, found.target, found.steps, onlooker=onlooker)
    # The embedded server has no contrib extension.
    return {each.change.name: each.change.danger for each in report.stacks[0].changes if "pg_stat" not in each.change.name}


def test_a_new_database_has_everything_to_do_and_a_provisioned_one_nothing(prod: Environment, database: Database) -> None:
    before = _drift(prod, database)
    assert before["extension vector"] is before["role app_rw"] is Danger.OUTAGE
    post_provision.bring(prod, dsn=database.dsn(), password=PASSWORD, quiet=True)
    assert _drift(prod, database) == {}


def test_what_somebody_did_by_hand_is_seen_by_a_login_that_can_only_read(prod: Environment, database: Database) -> None:
    post_provision.bring(prod, dsn=database.dsn(), password=PASSWORD, quiet=True)
    database.login("watcher", "app_ro")
    assert _drift(prod, database, "watcher") == {}
    with database.superuser() as connection:
        connection.execute("ALTER ROLE app_rw LOGIN")
        connection.execute(f"ALTER ROLE app_ro IN DATABASE {database.name} RESET ALL".encode())
        connection.execute("DROP TABLE agent_memory.vector_sets")
    found = _drift(prod, database, "watcher")
    assert found["role app_rw"] is Danger.WEAKER_SECURITY
    assert Danger.SLOWER in found.values()
    assert any(name.startswith("provenance") for name in found)
    with database.superuser() as connection:
        connection.execute("ALTER ROLE app_rw NOLOGIN; DROP ROLE watcher")
