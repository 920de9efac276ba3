"""What is raised for a logical restore: only what Azure changes without a restart, only upwards, and within what the server can bear."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.domain import restore_parameters
from infra.domain.azure import parameters, skus
from infra.domain.environment import STACKS, Environment
from infra.domain.restore_parameters import left_alone, raises, same
from scripts.edges import stack_file

FRESH = {name: known.initial for name, known in parameters.PARAMETERS.items()}
SLOW = {**FRESH, "wal_compression": "off", "max_parallel_maintenance_workers": "0", "max_wal_size": "1024", "maintenance_work_mem": "65536"}


@pytest.fixture
def prod(root: Path) -> Environment:
    return stack_file.read("prod", root)


def of_sku(environment: Environment, name: str) -> Environment:
    return environment.model_copy(update={"server": environment.server.model_copy(update={"sku": name})})


def of_size(environment: Environment, size_gib: int) -> Environment:
    return environment.model_copy(update={"storage": environment.storage.model_copy(update={"size_gib": size_gib})})


def values(environment: Environment, present: dict[str, str]) -> dict[str, str]:
    return {each.name: each.value for each in raises(environment, present)}


def test_a_fresh_prod_gets_what_azure_advises_within_its_memory_cores_and_disk(prod: Environment) -> None:
    assert values(prod, FRESH) == {
        "max_wal_size": "32768",  # a quarter of 128 GiB
        "checkpoint_timeout": "3600",
        "maintenance_work_mem": "2097151",  # a quarter of 8 GiB is one kB above Azure's ceiling
        "autovacuum": "off",
    }


def test_what_is_slower_than_a_fresh_server_is_raised_too(prod: Environment) -> None:
    found = values(prod, SLOW)
    assert (found["wal_compression"], found["max_parallel_maintenance_workers"]) == ("on", "1")


def test_autovacuum_goes_last_and_so_comes_back_first(prod: Environment) -> None:
    assert raises(prod, SLOW)[-1].name == "autovacuum"


def test_a_value_that_is_as_good_already_is_not_touched(prod: Environment) -> None:
    better = {"max_wal_size": "65536", "checkpoint_timeout": "7200", "wal_compression": "lz4", "maintenance_work_mem": "2097151"}
    assert values(prod, {**SLOW, **better, "max_parallel_maintenance_workers": "1", "autovacuum": "OFF"}) == {}


def test_raised_values_need_no_more_raising(prod: Environment) -> None:
    assert raises(prod, {**SLOW, **values(prod, SLOW)}) == ()


@pytest.mark.parametrize(("size_gib", "raised_to"), [(32, None), (64, "16384"), (512, "65536"), (4096, "65536")])
def test_the_log_may_take_a_quarter_of_the_disk_and_what_azure_takes(prod: Environment, size_gib: int, raised_to: str | None) -> None:
    assert values(of_size(prod, size_gib), FRESH).get("max_wal_size") == raised_to


def test_parallel_workers_stay_within_what_the_server_ever_starts(prod: Environment) -> None:
    large = of_sku(prod, "Standard_D16s_v3")
    assert values(large, FRESH)["max_parallel_maintenance_workers"] == "8"
    assert values(large, {**FRESH, "max_parallel_workers": "4"})["max_parallel_maintenance_workers"] == "4"


def test_a_parameter_that_is_not_listed_or_not_readable_is_not_raised(prod: Environment) -> None:
    assert raises(prod, {}) == ()
    assert "checkpoint_timeout" not in values(prod, {**FRESH, "checkpoint_timeout": "10min"})


def test_everything_raised_is_dynamic_and_allowed_on_every_sku_and_disk(root: Path) -> None:
    for stack in STACKS:
        shipped = stack_file.read(stack, root)
        for sku in skus.SKUS:
            for size in (32, 32767):
                for each in raises(of_size(of_sku(shipped, sku), size), SLOW):
                    known = parameters.PARAMETERS[each.name]
                    assert known.dynamic and not known.read_only and parameters.refusal(each.name, each.value) is None
                    assert each.why


def test_a_static_parameter_would_be_left_out(prod: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = restore_parameters.Raise(name="shared_buffers", value="1048576", why="a wish")
    monkeypatch.setattr(restore_parameters, "_wanted", lambda environment, present: iter([wanted]))
    assert raises(prod, FRESH) == ()


def test_what_is_left_alone_is_what_the_table_of_azure_says() -> None:
    told = {each.name: each.why for each in left_alone()}
    known = {name: parameters.PARAMETERS[name] for name in told if name in parameters.PARAMETERS}
    assert set(told) - set(known) == {"high availability"}
    for name, each in known.items():
        assert told[name].startswith("static") == (not each.dynamic and not each.read_only), name
        assert told[name].startswith("read-only") == each.read_only, name
    assert not set(told) & {"max_wal_size", "checkpoint_timeout", "autovacuum", "wal_compression", "maintenance_work_mem"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("3600", "3600", True), ("ON", "on", True), ("0.90", "0.9", True), ("1", "2", False), ("on", "off", False), ("1e3", "1000", True)],
)
def test_a_value_is_the_same_however_azure_spells_it(one: str, other: str, expected: bool) -> None:
    assert same(one, other) is expected
