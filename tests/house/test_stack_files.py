"""One file is one environment: the five files have one shape, and every reader reads the same in them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from infra.domain.environment import STACKS
from infra.domain.schema import stack_schema
from scripts.edges import capture, stack_file

SCHEMA_LINE = "# yaml-language-server: $schema=docs/reference/stack.schema.json"
# What may be in one file and not in another: `accepted` where there is something to accept, and what Pulumi writes.
OPTIONAL = re.compile(r"^(recovery\.\w+\.accepted|administrator_password|encryptionsalt|secretsprovider|encryptedkey)$")
# Sections that one environment has and another has not, and lists, are values.
VALUES = ("replica", "backup.long_term", "access.customer_managed_key", "database.parameters")
# Reads PULUMI_CONFIG as the engine sets it for a program: the real SDK, the real settings, only the stack's name is handed over.
_READ_SETTINGS = """
import sys
from pulumi import runtime
runtime.configure(runtime.Settings(project="agent-memory", stack=sys.argv[1], dry_run=True))
from infra import settings
print(settings.read().environment.model_dump_json(by_alias=True))
"""


def _file(root: Path, stack: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    return content


def _keys(value: object, key: str = "") -> list[str]:
    """Every dotted key in the order of the file; what is optional or a value is left out."""
    if key in VALUES or not isinstance(value, Mapping):
        return [key]
    found = [key] if key else []
    for name, inner in value.items():
        deeper = f"{key}.{name}" if key else re.sub(r"^(agent-memory|azure-native):", "", str(name))
        found += [] if OPTIONAL.match(deeper) else _keys(inner, deeper)
    return found


@pytest.mark.parametrize("stack", [stack for stack in STACKS if stack != "prod"])
def test_every_file_has_the_keys_of_prod_in_its_order(stack: str, root: Path) -> None:
    assert _keys(_file(root, stack)["config"]) == _keys(_file(root, "prod")["config"])


@pytest.mark.parametrize("stack", STACKS)
def test_an_editor_finds_the_schema(stack: str, root: Path) -> None:
    first = (root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == SCHEMA_LINE
    assert (root / first.partition("$schema=")[2]).exists()


@pytest.mark.parametrize("stack", STACKS)
def test_the_schema_takes_the_shipped_file(stack: str, root: Path) -> None:
    jsonschema.Draft202012Validator(stack_schema()).validate(_file(root, stack))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("server", "skuu", "x"), ("backup", "retention_days", "35"), ("network", "mode", "secret"), ("storage", "kind", None)],
)
def test_the_schema_refuses_what_the_contract_refuses(section: str, key: str, value: object, root: Path) -> None:
    content = _file(root, "prod")
    content["config"][f"agent-memory:{section}"][key] = value
    assert list(jsonschema.Draft202012Validator(stack_schema()).iter_errors(content))


def test_the_shipped_schema_is_the_generated_one(root: Path) -> None:
    shipped = json.loads((root / "docs" / "reference" / "stack.schema.json").read_text(encoding="utf-8"))
    assert shipped == stack_schema(), "run `make docs`"


def test_pulumi_is_told_no_keys(root: Path) -> None:
    """Its own type errors come one at a time and before ours; a default there would never reach the scripts."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert "config" not in project
    assert (project["name"], project["main"]) == (capture.PROJECT, "infra/__main__.py")


@pytest.mark.parametrize("stack", STACKS)
def test_pulumi_and_the_scripts_read_the_same(stack: str, root: Path) -> None:
    """The values go through Pulumi's text and back through the program's settings, in a process of their own."""
    read = stack_file.load(stack, root)
    assert read.environment is not None, read.problems
    configuration = json.dumps(capture.configuration_of(read.values))
    surroundings = {**os.environ, "PULUMI_CONFIG": configuration, "PULUMI_CONFIG_SECRET_KEYS": json.dumps([capture.PASSWORD_KEY])}
    command = [sys.executable, "-c", _READ_SETTINGS, stack]
    done = subprocess.run(command, cwd=root, env=surroundings, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == read.environment.model_dump_json(by_alias=True)
