"""Parameters raised for a restore on the local Azure, and put back: after success, errors and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.domain import names
from infra.domain.environment import Environment
from infra.domain.restore_parameters import Raise
from scripts.edges import postgres, raised_parameters
from scripts.edges.exits import BAD, BUSY, REFUSED, Failure
from scripts.edges.server_parameters_arm import DEFAULT, OVERRIDE
from scripts.local_azure.serve import LocalAzure
from tests.scripts.raising import BEFORE, PASSWORD, RAISED, World, fault, with_reachable_server

SERVER = "zepmem-raised"


@pytest.fixture(scope="module")
def made(azure: LocalAzure, root: Path) -> Environment:
    return with_reachable_server(azure, root, SERVER)


@pytest.fixture
def world(at_azure: LocalAzure, made: Environment, tmp_path: Path) -> World:
    return World(made, tmp_path / "ledger").prepared()


def shown(made: Environment) -> dict[str, str]:
    """What the PostgreSQL behind it says."""
    with postgres.connect(
        f"host={names.server_host(made)} dbname=postgres user=cogadmin sslmode=verify-full", password=PASSWORD
    ) as session:
        rows = session.execute("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY (%s)", (list(RAISED),))
        return dict(rows.fetchall())


def test_they_are_raised_in_postgresql_itself_and_put_back_to_what_they_were_and_came_from(world: World, made: Environment) -> None:
    before = shown(made)
    with world.raised():
        assert world.values() == RAISED
        assert shown(made) == {"max_wal_size": "32GB", "checkpoint_timeout": "1h", "wal_compression": "pglz", "autovacuum": "off"}
        assert world.path.stat().st_mode & 0o777 == 0o600
    assert world.is_as_before()
    assert shown(made) == before
    assert "max_wal_size 12288 -> 32768" in world.told[0] and len(world.told) == 1


@pytest.mark.parametrize("error", [ValueError("the copy broke"), KeyboardInterrupt()])
def test_an_error_inside_puts_them_back_and_is_the_error(world: World, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, world.raised():
        raise error
    assert caught.value is error and world.is_as_before()


def test_nothing_to_raise_changes_and_notes_nothing(world: World) -> None:
    with world.raised(wanted=lambda present: ()):
        assert not world.path.exists()
    assert world.told == [] and world.is_as_before()


def test_what_only_a_restart_would_change_here_is_left_alone(world: World) -> None:
    static, unknown = Raise(name="shared_buffers", value="1048576", why="a wish"), Raise(name="none_such", value="1", why="a wish")
    with world.raised(wanted=lambda present: (static, unknown)):
        assert not world.path.exists()
    assert [" is left alone" in line for line in world.told] == [True, True]


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ({"effect": "refuse"}, {"effect": "fail"}),
        ({"effect": "refuse", "status": 429, "seconds": 0.05, "times": 2}, {"effect": "slow", "seconds": 0.2}),
    ],
)
def test_a_busy_throttling_or_slow_azure_is_waited_for(
    azure: LocalAzure, world: World, there: dict[str, Any], back: dict[str, Any]
) -> None:
    fault(azure, **there, name="autovacuum")
    with world.raised_alone("autovacuum"):
        assert world.values()["autovacuum"] == "off"
        fault(azure, **back, name="autovacuum")
    assert world.is_as_before()
    assert sum(line.startswith("waits: ") for line in world.told) == 2


def test_an_answer_that_got_lost_is_asked_for_again(azure: LocalAzure, world: World) -> None:
    with world.raised_alone("max_wal_size"):
        fault(azure, "lose", "max_wal_size", done=True)
    assert world.is_as_before()


def test_a_parameter_that_azure_refuses_ends_it_with_the_rest_put_back(azure: LocalAzure, world: World) -> None:
    fault(azure, "refuse", "autovacuum", status=400, code="InvalidParameterValue")
    with pytest.raises(Failure) as caught, world.raised():
        raise AssertionError("the block is never reached")
    assert caught.value.code is REFUSED and caught.value.fact.startswith("InvalidParameterValue")
    assert world.is_as_before()


def test_what_cannot_be_put_back_is_told_and_put_back_by_the_next_run(azure: LocalAzure, world: World) -> None:
    with pytest.raises(Failure) as caught, world.raised():
        fault(azure, "refuse", "checkpoint_timeout", status=403, code="AuthorizationFailed")
    found = caught.value
    assert (found.code, found.where) == (REFUSED, SERVER)
    assert found.fact.startswith("could not be put back: checkpoint_timeout (was 900, raised to 3600): AuthorizationFailed")
    assert "the next restore into it puts them back first" in found.hint and world.path.name in found.hint
    assert world.now() == {**BEFORE, "checkpoint_timeout": ("3600", OVERRIDE)} and set(world.note()) == {"checkpoint_timeout"}
    with world.raised():
        assert world.note()["checkpoint_timeout"]["value"] == "900"
    assert world.is_as_before()


def test_the_first_error_is_not_hidden_by_a_failure_to_put_back(azure: LocalAzure, world: World) -> None:
    with pytest.raises(ValueError, match="the copy broke") as caught, world.raised_alone("checkpoint_timeout"):
        fault(azure, "refuse", "checkpoint_timeout", status=403, code="AuthorizationFailed")
        raise ValueError("the copy broke")
    assert "checkpoint_timeout (was 900, raised to 3600)" in world.told[-1]
    assert caught.value.__notes__ == [world.told[-1]]
    assert world.put_back_left() == ("checkpoint_timeout",) and world.is_as_before()


def test_a_failure_to_put_back_is_raised_within_a_handler_of_another_error(azure: LocalAzure, world: World) -> None:
    try:
        raise ValueError("long before")
    except ValueError:
        with pytest.raises(Failure, match="could not be put back"), world.raised_alone("checkpoint_timeout"):
            fault(azure, "refuse", "checkpoint_timeout", status=403, code="AuthorizationFailed")
    world.put_back_left()


def test_where_azure_refuses_a_reset_the_value_is_written_and_that_is_told(azure: LocalAzure, world: World) -> None:
    with world.raised_alone("autovacuum"):
        fault(azure, "refuse", "autovacuum", status=400, code="BadRequest")
    assert world.now() == {**BEFORE, "autovacuum": ("on", OVERRIDE)} and not world.path.exists()
    assert world.told[-1] == f"{SERVER}: autovacuum is on again, and Azure calls that {OVERRIDE}, not {DEFAULT}"


def test_a_value_that_somebody_else_set_meanwhile_is_left_and_told(world: World) -> None:
    with world.raised():
        world.set("max_wal_size", "20000")
        world.set("autovacuum", "on")
    assert world.now() == {**BEFORE, "max_wal_size": ("20000", OVERRIDE)} and not world.path.exists()
    assert world.told[-1].startswith(f"{SERVER}: max_wal_size is 20000 now, set by somebody else; it is left so (it was 12288")


def test_it_is_put_back_only_once_azure_shows_it(world: World) -> None:
    def watch(moment: str) -> None:
        if moment == "back checkpoint_timeout":
            world.set("checkpoint_timeout", "3600")

    with pytest.raises(Failure, match="Azure shows 3600 after 900 was written"), world.raised_alone("checkpoint_timeout", watch=watch):
        pass
    assert world.put_back_left() == ("checkpoint_timeout",) and world.is_as_before()


def test_a_second_run_at_the_same_time_is_kept_out(world: World) -> None:
    with world.raised():
        with pytest.raises(Failure) as caught, world.raised():
            raise AssertionError("the block is never reached")
        with pytest.raises(Failure, match="another restore"):
            world.put_back_left()
        assert world.values() == RAISED
    assert (caught.value.code, caught.value.where) == (BUSY, SERVER)
    assert world.is_as_before()


def test_nobody_who_listens_is_no_reason_to_leave_them_raised(world: World) -> None:
    def closed(text: str) -> None:
        raise BrokenPipeError(text)

    with world.raised_alone("autovacuum", tell=closed):
        assert world.values()["autovacuum"] == "off"
    assert world.is_as_before()


def test_a_note_that_cannot_be_read_stops_before_anything_is_changed(world: World) -> None:
    world.ledger.folder.mkdir()
    for text in (
        "{",
        '{"parameters": [{"name": "autovacuum"}]}',
        '{"parameters": [{"name": "a", "value": 1, "source": "b", "raised": "c"}]}',
    ):
        world.path.write_text(text, encoding="utf-8")
        with pytest.raises(Failure, match="is no note of raised parameters") as caught, world.raised():
            raise AssertionError("the block is never reached")
        assert caught.value.code is REFUSED and world.path.name in caught.value.where and "then delete the file" in caught.value.hint
    assert world.now() == BEFORE


def test_a_server_that_is_gone_says_which_note_to_delete(world: World) -> None:
    what = {"name": "autovacuum", "value": "on", "source": DEFAULT, "raised": "off", "asked": True}
    world.ledger.keep_under_way("zepmem-gone.parameters", {"server": "zepmem-gone", "parameters": [what]})
    with pytest.raises(Failure, match=r"autovacuum \(was on, raised to off\): ") as caught:
        raised_parameters.put_back_left(world.azure, world.group, "zepmem-gone", world.ledger, world.told.append)
    assert caught.value.code is BAD and "zepmem-gone.parameters.pending.json" in caught.value.hint
