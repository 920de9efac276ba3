"""Reads a stack file: its values as Pulumi would hand them on, and the line on which each key stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from infra.domain.environment import STACKS, Environment
from infra.domain.parsing import legible, parse
from infra.domain.problem import Invalid, Problem
from scripts.edges.exits import USAGE, Failure

NAMESPACE = "agent-memory:"
LOCATION = "azure-native:location"
PASSWORD = "administrator_password"
# Pulumi writes these itself beside `config`, once a stack exists; they belong to one file and not to another.
PULUMIS_OWN = frozenset({"encryptionsalt", "secretsprovider", "encryptedkey"})


class _Loader(yaml.SafeLoader):
    """YAML as Pulumi reads it: no timestamps, and only true and false are booleans (`on`, `yes` are text)."""

    yaml_implicit_resolvers = {}  # noqa: RUF012, PyYAML's own attribute


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$"), list("-+0123456789")
)


@dataclass(frozen=True)
class Loaded:
    """One stack file as read: an Environment or the Problems of its shape, and where each dotted key stands.

    `legible` is the Environment, or what can be judged of a file with misspelt keys, so that one run finds everything.
    """

    stack: str
    path: Path
    environment: Environment | None
    legible: Environment | None
    problems: tuple[Problem, ...]
    lines: Mapping[str, int]
    values: Mapping[str, object]
    password_is_set: bool

    def locate(self, problem: Problem) -> Problem:
        """The Problem with file and line: of its key, else of the nearest key above it."""
        key = problem.key
        while key and key not in self.lines:
            key = re.sub(r"(\.[^.\[]*|\[\d+\])$", "", key) if re.search(r"[.\[]", key) else ""
        return problem.located(self.path.name, problem.line or self.lines.get(key))


def load(stack: str, folder: Path) -> Loaded:
    """Read `Pulumi.<stack>.yaml` in `folder`; everything wrong with its shape is in `.problems`, nothing is raised."""
    path = folder / f"Pulumi.{stack}.yaml"
    nothing = Loaded(stack, path, None, None, (), {}, {}, False)
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        return _failed(
            nothing,
            Problem(key="", message="no such stack file", rule="C6", hint=f"environments here: {', '.join(_present(folder)) or 'none'}"),
        )
    except (OSError, UnicodeDecodeError) as error:
        return _failed(nothing, Problem(key="", message=f"cannot be read: {error}", rule="C6"))
    except yaml.YAMLError as error:
        return _failed(nothing, _unparsable(error))
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    document = _plain(root, "", lines, problems) if root is not None else {}
    values, secret = _values(document, problems)
    lines = {_shorten(key): line for key, line in lines.items()}
    found = replace(nothing, lines=lines, values=values, password_is_set=secret)
    environment: Environment | None = None
    try:
        environment = parse(values, stack)
    except Invalid as invalid:
        problems.extend(invalid.problems)
    located = tuple(sorted((found.locate(problem) for problem in problems), key=lambda problem: problem.line or 0))
    return replace(found, environment=None if located else environment, legible=legible(values, stack), problems=located)


def read(stack: str, folder: Path) -> Environment:
    """The Environment of a stack; raises Invalid with every located Problem."""
    loaded = load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    return loaded.environment


def without_secrets(loaded: Loaded) -> bytes:
    """The contract of a stack as a stack file of its own: what Pulumi keeps beside it, and every secret, is left out."""
    config = {LOCATION if key == "location" else f"{NAMESPACE}{key}": value for key, value in loaded.values.items()}
    return yaml.safe_dump({"config": config}, sort_keys=False, allow_unicode=True).encode()


def known_stack(stack: str) -> str:
    """The stack's name if it is one of the five; raises Failure otherwise."""
    if stack not in STACKS:
        raise Failure(USAGE, f"{stack!r} is not an environment", hint=f"one of {', '.join(STACKS)}")
    return stack


def _failed(loaded: Loaded, problem: Problem) -> Loaded:
    return replace(loaded, problems=(problem.located(loaded.path.name, problem.line),))


def _present(folder: Path) -> list[str]:
    return [stack for stack in STACKS if (folder / f"Pulumi.{stack}.yaml").exists()]


_NEAR = "check indentation, quotes and brackets near this line"


def _unparsable(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "it is not YAML"
    return Problem(
        key="",
        message=f"cannot be parsed: {what}",
        rule="C6",
        line=mark.line + 1 if mark else None,
        hint=_NEAR,
    )


def _shorten(key: str) -> str:
    """`config.agent-memory:server.sku` is known as `server.sku`."""
    if key == f"config.{LOCATION}":
        return "location"
    return key.removeprefix(f"config.{NAMESPACE}")


def _plain(node: yaml.Node, path: str, lines: dict[str, int], problems: list[Problem]) -> Any:
    """The value of a YAML node; notes the line of each key, and reports keys that stand twice."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, f"{path}[{index}]", lines, problems) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return dict(_entries(node, path, lines, problems))
    return _Loader("").construct_object(node)


def _entries(node: yaml.MappingNode, path: str, lines: dict[str, int], problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    for key_node, value_node in node.value:
        name = str(key_node.value)
        key = f"{path}.{name}" if path else name
        line = key_node.start_mark.line + 1
        if key in lines:
            short = _shorten(key)
            problems.append(
                Problem(
                    key=short,
                    message=f"{short} is written twice, first on line {lines[key]}",
                    rule="C5",
                    line=line,
                    hint="remove one of them",
                )
            )
        lines[key] = line
        yield name, _plain(value_node, key, lines, problems)


def _values(document: Any, problems: list[Problem]) -> tuple[dict[str, object], bool]:
    """The contract's keys without their namespace, and whether the password is set; everything else is a Problem."""
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        problems.append(Problem(key="config", message="config is missing", rule="C2", hint="everything stands below it"))
        return {}, False
    for name in document:
        if name != "config" and name not in PULUMIS_OWN:
            problems.append(
                Problem(key=name, message=f"{name} is not a key of the contract", rule="C1", hint="everything stands below `config:`")
            )
    values: dict[str, object] = {}
    for name, value in document["config"].items():
        if name == LOCATION:
            values["location"] = value
        elif name.startswith(NAMESPACE):
            # Pulumi rewrites the file when it sets a secret, and then spells a null at this level as an empty text.
            values[name.removeprefix(NAMESPACE)] = None if value == "" else value
        else:
            hint = f"keys of the contract begin with {NAMESPACE}; a subscription comes from ARM_SUBSCRIPTION_ID"
            problems.append(Problem(key=f"config.{name}", message=f"{name} is not a key of the contract", rule="C1", hint=hint))
    return values, _take_password(values, problems)


def _take_password(values: dict[str, object], problems: list[Problem]) -> bool:
    """Whether the password is set; its value goes no further, and one in clear is a Problem."""
    if PASSWORD not in values:
        return False
    value = values.pop(PASSWORD)
    if not (isinstance(value, dict) and set(value) == {"secure"}):
        hint = f"pulumi config set --secret {NAMESPACE}{PASSWORD}, and change this password: it has been seen"
        problems.append(Problem(key=PASSWORD, message=f"{PASSWORD} stands here in clear", rule="C8", hint=hint))
    return True
