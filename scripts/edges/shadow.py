"""The shadow of the project: a Pulumi project of its own, in which a command on the local Azure can touch nothing real.

Creating a stack writes a salt into its stack file, so the real files must not be there. The shadow has a Pulumi.yaml that leads to the
real program, copies of the stack files with a salt and a made-up password, and an own backend, passphrase and home.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.domain.environment import STACKS
from scripts.edges import azure_cli, passwords, pulumi_cli
from scripts.edges.capture import PASSWORD_KEY, PROJECT
from scripts.edges.exits import CONFIGURATION, Failure
from scripts.edges.stack_seal import Seal, seal_of, sealed, stripped

# What leads commands to a person's real accounts, backends and servers. A few are set again, to what is local.
_LEADS_OUT = ("PULUMI_", "AZURE_", "ARM_", "MSI_", "IDENTITY_", "PG")
# Any host, port, database and user: one made-up password for all servers.
_ANY_LOGIN = "*:*:*:*:"
_OWN_FOLDERS = ("project", "pulumi", "pulumi/home", "pulumi/backend", "azure-cli")


@dataclass(frozen=True)
class Shadow:
    """A shadow of the project at `project`, kept below `state`; each stack takes the engine half a second to make."""

    project: Path
    state: Path
    stacks: tuple[str, ...] = STACKS

    @property
    def folder(self) -> Path:
        """Where commands run: the shadow's Pulumi.yaml and stack files."""
        return self.state / "project"

    @property
    def words(self) -> Path:
        """What comes first on a command's PATH: our own word for az."""
        return self.state / "bin"

    def environment(self, given: Mapping[str, str], azure: Mapping[str, str]) -> dict[str, str]:
        """The environment of a command: `given` without what leads to real accounts, then the local Azure's and the shadow's own."""
        kept = {name: value for name, value in given.items() if not name.startswith(_LEADS_OUT)}
        path = (str(self.words), str(Path(sys.executable).parent), given.get("PATH", os.defpath), str(self.project / ".tools" / "bin"))
        return {
            **kept, **azure, "PATH": os.pathsep.join(path), "AGENTMEM_FOLDER": str(self.folder),
            "PULUMI_HOME": str(self.state / "pulumi" / "home"), "PULUMI_BACKEND_URL": f"file://{self.state / 'pulumi' / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase), "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true", "PGPASSFILE": str(self._password_file),
            **azure_cli.variables(self.state / "azure-cli"),
        }  # fmt: skip

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Write the shadow anew from the project's files, and make its stacks if they are not there. Raises Failure.

        Without a `pulumi` on the PATH of `environment` there is nobody to make stacks, and nobody to miss them.
        """
        if not (self.project / "Pulumi.yaml").is_file():
            raise Failure(CONFIGURATION, f"no Pulumi.yaml in {self.project}", hint="run it inside the project, or give --folder")
        for name in _OWN_FOLDERS:
            (self.state / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            if not self._passphrase.exists():
                _write(self._passphrase, secrets.token_urlsafe(32))
            if not self._password_file.exists():
                _write(self._password_file, f"{_ANY_LOGIN}{passwords.made_up()}\n")
            _write(self.folder / "Pulumi.yaml", yaml.safe_dump(self._settings(), sort_keys=False))
            for stack in self._stacks():
                self._copy(stack)
            pulumi = pulumi_cli.found(environment)
            if pulumi is not None:
                self._make_stacks(pulumi, environment)

    @property
    def _passphrase(self) -> Path:
        return self.state / "pulumi" / "passphrase"

    @property
    def _password_file(self) -> Path:
        """libpq's own form, so that a command can log in without being told a password."""
        return self.state / "pulumi" / "pgpass"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two commands that join the same local Azure prepare one after the other."""
        with open(self.state / "pulumi" / "prepare.lock", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def password(self) -> str:
        """The made-up password of all its servers' administrators; there once the shadow is prepared."""
        return self._password_file.read_text(encoding="utf-8").strip().removeprefix(_ANY_LOGIN)

    def _settings(self) -> dict[str, Any]:
        """The project's Pulumi.yaml with the program and the virtual environment at absolute paths, and no backend of its own."""
        settings = _project(self.project / "Pulumi.yaml")
        settings.pop("backend", None)
        settings["main"] = str(self.project / settings["main"])
        in_environment = sys.prefix != sys.base_prefix
        settings["runtime"] = {"name": "python", "options": {"virtualenv": sys.prefix} if in_environment else {}}
        return settings

    def _stacks(self) -> list[str]:
        return [stack for stack in self.stacks if (self.project / f"Pulumi.{stack}.yaml").is_file()]

    def _copy(self, stack: str) -> None:
        """The stack file without what belongs to the real stack, with what belongs to the shadow's."""
        name = f"Pulumi.{stack}.yaml"
        text = stripped((self.project / name).read_text(encoding="utf-8"))
        seal = self._seal()
        _write(self.folder / name, sealed(text, Seal({"encryptionsalt": seal["salt"]}, seal["password"])) if seal["password"] else text)

    def _seal(self) -> dict[str, Any]:
        """What the engine wrote for the shadow: one salt and one ciphertext for all stacks, and the stacks that were made."""
        with contextlib.suppress(FileNotFoundError):
            try:
                found: dict[str, Any] = json.loads(self._seal_file.read_text(encoding="utf-8"))
            except json.JSONDecodeError:
                raise Failure(CONFIGURATION, f"{self._seal_file} is not whole", hint="--fresh begins anew") from None
            return found
        return {"salt": "", "password": "", "stacks": []}

    @property
    def _seal_file(self) -> Path:
        return self.state / "pulumi" / "seal.json"

    def _make_stacks(self, pulumi: str, environment: Mapping[str, str]) -> None:
        missing = [stack for stack in self._stacks() if stack not in self._seal()["stacks"]]
        if missing and pulumi_cli.version(environment) is None:
            raise Failure(CONFIGURATION, f"{pulumi} says no version, it is not Pulumi", hint="the true one must come first on PATH")
        for stack in missing:
            seal = self._seal()
            pulumi_cli.init_stack(pulumi, environment, self.folder, stack)
            if not seal["password"]:
                pulumi_cli.set_secret(pulumi, environment, self.folder, stack, PASSWORD_KEY, self.password())
                made = seal_of((self.folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
                seal.update(salt=made.own["encryptionsalt"], password=made.password)
            _write(self._seal_file, json.dumps({**seal, "stacks": [*seal["stacks"], stack]}))
            for each in self._stacks():
                self._copy(each)


def _project(file: Path) -> dict[str, Any]:
    """What a Pulumi.yaml says, which must lead to the program. Raises Failure."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise Failure(CONFIGURATION, "is not YAML", where=f"{file.name}:{line}") from None
    settings: dict[str, Any] = found if isinstance(found, dict) else {}
    name, main = settings.get("name"), settings.get("main")
    if name != PROJECT:
        raise Failure(CONFIGURATION, f"name is {name}, the stacks belong to {PROJECT}", where=file.name, hint=f"name: {PROJECT}")
    if not isinstance(main, str):
        raise Failure(CONFIGURATION, "main is no file name", where=file.name, hint="main: infra/__main__.py")
    return settings


def _write(path: Path, text: str) -> None:
    """A file that only the owner reads, whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)
