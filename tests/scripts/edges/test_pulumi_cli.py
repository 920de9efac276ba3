"""Which Pulumi engine is used, how each other is refused, and how one that is at work is asked to stop."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from scripts.edges import pulumi_cli
from scripts.edges.pulumi_cli import LANGUAGE_HOST, Engine, Event

GOOD, OLD = "echo v3.259.0", "echo v3.243.9"


def place(folder: Path, pulumi: str | None = GOOD, host: bool = True) -> Path:
    """A folder of programs: a `pulumi` that runs this line of shell, and a language host beside it."""
    folder.mkdir()
    lines = {"pulumi": pulumi, LANGUAGE_HOST: "exit 0" if host else None}
    for name, line in lines.items():
        if line is not None:
            (folder / name).write_text(f"#!/bin/sh\n{line}\n")
            (folder / name).chmod(0o755)
    return folder


def chosen(path: Path, tools: Path) -> Engine | str:
    return pulumi_cli.choose({"PATH": str(path)}, tools)


def test_a_good_engine_on_path_wins(tmp_path: Path) -> None:
    path, tools = place(tmp_path / "path"), place(tmp_path / "tools", "echo v3.300.1")
    assert chosen(path, tools) == Engine("3.259.0", str(path))


@pytest.mark.parametrize("pulumi", [None, OLD, "exit 1", "echo hello"], ids=["none", "old", "failing", "another program"])
def test_the_built_engine_takes_the_place_of_none_or_a_bad_one(tmp_path: Path, pulumi: str | None) -> None:
    path, tools = place(tmp_path / "path", pulumi), place(tmp_path / "tools", "echo v3.300.1-alpha.2")
    assert chosen(path, tools) == Engine("3.300.1", f"{tools}:{path}")


@pytest.mark.parametrize(
    ("pulumi", "host", "why"),
    [
        (None, True, "no pulumi on PATH"),
        (OLD, True, "pulumi 3.243.9 is older than 3.244.0"),
        ("echo hello", True, "says no version, it is not Pulumi"),
        ("echo v3.259.0; exit 3", True, "says no version, it is not Pulumi"),
        (GOOD, False, "pulumi 3.259.0 has no pulumi-language-python"),
    ],
)
def test_each_engine_that_cannot_be_used_is_told_in_a_few_words(tmp_path: Path, pulumi: str | None, host: bool, why: str) -> None:
    told = chosen(place(tmp_path / "path", pulumi, host), tmp_path / "no tools")
    assert isinstance(told, str)
    assert told.endswith(why)


def test_an_engine_that_is_a_link_has_the_host_beside_what_it_leads_to(tmp_path: Path) -> None:
    path, tools = place(tmp_path / "path", None, host=False), place(tmp_path / "installed")
    (path / "pulumi").symlink_to(tools / "pulumi")
    assert chosen(path, tmp_path / "no tools") == Engine("3.259.0", str(path))


def interrupted(pulumi: Path, patience: float) -> None:
    """An update that tells of one step, at which somebody presses Ctrl-C."""

    def press(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pulumi_cli.up(str(pulumi), os.environ, pulumi.parent, "dev", press, patience=patience)


EVENT = json.dumps({"resourcePreEvent": {"metadata": {"op": "create", "urn": "urn:pulumi:dev::p::t::n", "new": {}}}})
WAIT = f"""echo $$ >pid; echo '{EVENT}'; while :; do sleep 0.05; done"""


def is_gone(folder: Path) -> bool:
    return not Path("/proc", (folder / "pid").read_text().strip()).exists()


def test_an_engine_that_is_interrupted_may_end_in_good_order_however_much_it_says(tmp_path: Path) -> None:
    path = place(tmp_path / "path", f"trap 'head -c 300000 /dev/zero; touch finished; exit' INT; {WAIT}")
    interrupted(path / "pulumi", patience=20)
    assert (path / "finished").exists()
    assert is_gone(path)


def test_an_engine_that_does_not_go_is_asked_twice_and_then_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_cli, "_AT_ONCE", 0.5)
    path = place(tmp_path / "path", f"trap 'echo asked >>requests' INT; {WAIT}")
    interrupted(path / "pulumi", patience=0.5)
    assert (path / "requests").read_text().split() == ["asked", "asked"]
    assert is_gone(path)


def test_a_version_that_is_asked_for_leaves_nothing_in_a_home(tmp_path: Path) -> None:
    path = place(tmp_path / "path", 'echo "v3.259.0"; mkdir -p "$PULUMI_HOME/logs" 2>/dev/null || true')
    home = tmp_path / "home"
    assert pulumi_cli.version({"PATH": f"{path}:/usr/bin:/bin", "PULUMI_HOME": str(home)}) == (3, 259, 0)
    assert not home.exists()


def test_a_version_is_asked_once_as_long_as_the_command_is_the_same(tmp_path: Path) -> None:
    path = place(tmp_path / "path", f"echo asked >>{tmp_path}/asked; {GOOD}")
    environment = {"PATH": f"{path}:/usr/bin:/bin"}
    assert pulumi_cli.version(environment) == pulumi_cli.version(environment) == (3, 259, 0)
    assert (tmp_path / "asked").read_text().split() == ["asked"]
    (path / "pulumi").write_text("#!/bin/sh\necho v3.300.1\n")
    assert pulumi_cli.version(environment) == (3, 300, 1)
    (path / "pulumi").write_text(f"#!/bin/sh\n[ -e {tmp_path}/mended ] && {GOOD}\n")
    assert pulumi_cli.version(environment) is None
    (tmp_path / "mended").touch()
    assert pulumi_cli.version(environment) == (3, 259, 0), "that it failed is not kept"
