"""Stacks of the person's own backend: made, given a password through standard input, and asked for it again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts.edges import pulumi_cli
from scripts.edges.exits import BAD, CONFIGURATION, REFUSED, Failure

# The backend may be a slow service.
_SECONDS = 60.0
_INSTALL = "install Pulumi 3.244 or newer, or for a trial on this machine: make tools"


class Stacks:
    """The stacks of the project in `folder`, in whichever backend Pulumi is logged in to. Raises Failure where there is no good engine."""

    def __init__(self, folder: Path) -> None:
        chosen = pulumi_cli.choose(os.environ, folder / ".tools" / "bin")
        if isinstance(chosen, str):
            raise Failure(CONFIGURATION, chosen, hint=_INSTALL)
        self.folder = folder
        self.version = chosen.version
        self.environment = {**os.environ, "PATH": chosen.path, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        self.command = pulumi_cli.found(self.environment) or "pulumi"

    def exists(self, stack: str) -> bool:
        """Whether the backend knows the stack."""
        return self._run("stack", "export", "--stack", stack).returncode == 0 or stack in self._names()

    def make(self, stack: str, secrets_provider: str | None) -> None:
        """Make the stack; the engine writes its salt or its key into the stack file."""
        provider = () if secrets_provider is None else ("--secrets-provider", secrets_provider)
        self._done("stack init", "stack", "init", stack, "--no-select", *provider)

    def set_secret(self, stack: str, key: str, value: str) -> None:
        """Encrypt a value into the stack file; it goes in through standard input."""
        self._done("config set", "config", "set", "--secret", key, "--stack", stack, told=value)

    def secret(self, stack: str, key: str) -> str:
        """A secret of the stack in clear, for a login of ours: never to be printed."""
        return self._done("config get", "config", "get", key, "--stack", stack).strip()

    def _names(self) -> set[str]:
        done = self._run("stack", "ls")
        return {line.split()[0].rstrip("*") for line in done.stdout.splitlines()[1:] if line.strip()}

    def _done(self, what: str, *arguments: str, told: str = "") -> str:
        done = self._run(*arguments, told=told)
        if done.returncode:
            said = " ".join(done.stderr.rpartition("error: ")[2].split()) or f"exit code {done.returncode}"
            raise Failure(REFUSED if "passphrase" in said else BAD, f"pulumi {what}: {said}", hint=_hint(said))
        return done.stdout

    def _run(self, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
        command = [self.command, *arguments, "--non-interactive", "--color", "never"]
        where = {"cwd": self.folder, "env": self.environment, "timeout": _SECONDS}
        try:
            return subprocess.run(command, input=told, capture_output=True, text=True, check=False, **where)  # type: ignore[call-overload]
        except subprocess.TimeoutExpired:
            raise Failure(BAD, f"pulumi {arguments[0]} did not end within {_SECONDS:.0f} s", hint="is the backend reachable?") from None


def _hint(said: str) -> str:
    if "passphrase" in said:
        return "export PULUMI_CONFIG_PASSPHRASE_FILE=FILE, the passphrase that the stack's secrets were made with"
    return "pulumi login, or pulumi login --local for a trial" if "login" in said or "logged in" in said else ""
