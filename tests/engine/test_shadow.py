"""A command on the local Azure touches nothing real: no backend, no login, no stack file, no server of the person who runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.engine.conftest import Terminal

ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def _files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def person(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody who is logged in at real backends and clouds, with a project that is theirs."""
    home, backend = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("backend")
    (home / ".pulumi").mkdir()
    (home / ".azure").mkdir()
    elsewhere = f"file://{backend}"
    credentials = {"current": elsewhere, "accessTokens": {elsewhere: "token-of-theirs"}, "accounts": {}}
    (home / ".pulumi" / "credentials.json").write_text(json.dumps(credentials))
    (home / ".azure" / "azureProfile.json").write_text("{}")
    variables = {
        "HOME": str(home), "PULUMI_BACKEND_URL": elsewhere, "PULUMI_ACCESS_TOKEN": "token-of-theirs", "PULUMI_STACK": "theirs",
        "PULUMI_CONFIG_PASSPHRASE": "theirs", "AZURE_CLIENT_SECRET": "secret-of-theirs", "ARM_CLIENT_SECRET": "secret-of-theirs",
        "PGHOST": "theirs.postgres.database.azure.com", "PGPASSWORD": "password-of-theirs",
    }  # fmt: skip
    return Terminal(tmp_path_factory.mktemp("state"), path_with_pulumi, environment=variables)


def _git_status(root: Path) -> str:
    return subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True).stdout


def test_a_person_who_is_logged_in_is_left_alone(person: Terminal, root: Path) -> None:
    home, backend = Path(person.environment["HOME"]), Path(person.environment["PULUMI_BACKEND_URL"].removeprefix("file://"))
    stack_files = {path: path.read_bytes() for path in root.glob("Pulumi*.yaml")}
    before = _files(home), _git_status(root)
    done = person.pulumi("preview", "--stack", "uat")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (_files(home), _git_status(root)) == before
    assert list(backend.iterdir()) == []
    assert {path: path.read_bytes() for path in root.glob("Pulumi*.yaml")} == stack_files
    whoami = json.loads(person.pulumi("whoami", "--json").stdout)
    assert whoami["url"] == f"file://{person.state}/pulumi/backend"


def test_a_command_inherits_no_key_to_anything_real(person: Terminal) -> None:
    done = person.run("python", "-c", ENVIRONMENT)
    variables = json.loads(done.stdout)
    theirs = [name for name, value in variables.items() if "theirs" in value]
    assert theirs == []
    assert variables["AZURE_CONFIG_DIR"].startswith(str(person.state))
    assert variables["PULUMI_HOME"].startswith(str(person.state))
    for name in ("AGENTMEM_ARM_ENDPOINT", "IDENTITY_ENDPOINT"):
        assert "//127.0.0.1:" in variables[name]


def test_what_is_secret_is_for_the_owner_alone(person: Terminal) -> None:
    person.run("true")
    assert [path for path in person.state.iterdir() if path.stat().st_mode & 0o077] == []


def test_the_exit_code_is_the_commands_own(person: Terminal) -> None:
    assert person.run("sh", "-c", "exit 37").returncode == 37
    assert person.run("sh", "-c", "kill -9 $$").returncode == 128 + 9


def test_a_command_that_is_none_is_told_so(person: Terminal) -> None:
    done = person.run("no-such-command")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "no-such-command is no command here\nhint: it is looked for along PATH\n"


def test_fresh_forgets_cloud_and_stacks_together(person: Terminal) -> None:
    (person.state / "pulumi" / "backend" / "mark").write_text("")
    assert person.agentmem("run", "--fresh", "--", "true").returncode == 0
    assert not (person.state / "pulumi" / "backend" / "mark").exists()
    stacks = json.loads(person.pulumi("stack", "ls", "--json").stdout)
    assert {stack["name"] for stack in stacks} == {"dev", "test", "staging", "uat", "prod"}
