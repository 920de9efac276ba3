"""A changed geo-redundancy flag never costs the server, whatever the provider and Azure make of it: replace it, refuse it or ignore it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.conftest import Terminal
from tests.engine.own_project import copied, edit

FLAG = {"geo_redundant: true": "geo_redundant: false"}
# What fails it: our guard wherever an update is planned, and the protection where a replacement is.
GUARD = "backup.geo_redundant"
PLAYS = {"replace": "marked for protection", "refuse": GUARD, "ignore": GUARD}


@pytest.fixture(scope="module")
def up(terminal: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """uat is up, and the flag is turned in its stack file afterwards."""
    person = Terminal(terminal.state, terminal.path, copied(tmp_path_factory.mktemp("project"), "uat"))
    made = person.pulumi("up", "--stack", "uat", "--yes", "--skip-preview")
    assert made.returncode == 0, made.stdout + made.stderr
    edit(person.project, "uat", FLAG)
    return person


@pytest.fixture(params=PLAYS)
def play(request: pytest.FixtureRequest, up: Terminal) -> Iterator[tuple[str, Terminal]]:
    """The name of a play, and a terminal on a local Azure that plays it."""
    person = Terminal(up.state, up.path, up.project, {"AGENTMEM_LOCAL_AZURE_GEO": request.param})
    with person.serving():
        yield request.param, person


def server(terminal: Terminal) -> dict[str, Any]:
    """The server as the cloud keeps it."""
    listed = json.loads((terminal.state / "cloud.json").read_text())["resources"].values()
    found: dict[str, Any] = next(each for each in listed if each["type"] == "Microsoft.DBforPostgreSQL/flexibleServers")
    return found


def test_a_changed_geo_flag_fails_and_the_server_stays(play: tuple[str, Terminal]) -> None:
    name, terminal = play
    before = server(terminal)
    commands = [("preview",)] if name == "replace" else []  # the preview of an update is tested with the other guards
    for command in (*commands, ("up", "--yes", "--skip-preview")):
        done = terminal.pulumi(*command, "--stack", "uat")
        said = done.stdout + done.stderr
        assert done.returncode != 0, said
        assert PLAYS[name] in said
        assert "Traceback" not in said
    assert server(terminal) == before


def test_a_play_that_is_none_is_told_with_those_that_there_are(up: Terminal) -> None:
    done = Terminal(up.state, up.path, up.project, {"AGENTMEM_LOCAL_AZURE_GEO": "explode"}).run("true")
    assert done.returncode == 1
    assert "AGENTMEM_LOCAL_AZURE_GEO is explode" in done.stderr
    assert "refuse, ignore, replace" in done.stderr
