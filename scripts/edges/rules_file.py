"""Reads a file of travel rules, with the line of each key, and the file of erased people that it names.

All that is not in quotes is text as it is written, but for `true`, `false` and nothing: an id 007 stays one, and so does a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.domain.problem import Invalid, Problem
from infra.domain.travel_rules import Rules, erased_in, parse

# Rules of the file, as for a stack file: a key that stands twice, and what cannot be read.
_TWICE, _UNREADABLE = "T11", "T12"
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "": None, "~": None}


@dataclass(frozen=True)
class RulesFile:
    """The rules of a file, with everybody whom its `erased_file` names, and the line of each key."""

    path: Path
    rules: Rules
    lines: dict[str, int]

    def located(self, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """The same Problems with file and line, such as those of a plan."""
        return _located(problems, self.path, self.lines)


def read(path: Path) -> RulesFile:
    """The rules in a file. An `erased_file` is looked for beside it. Raises Invalid with every located Problem."""
    reader = _Reader()
    try:
        root = yaml.compose(_text(path), Loader=yaml.SafeLoader)
        values = None if root is None else reader.value(root, "")
        rules = parse(values)
    except Invalid as invalid:
        raise Invalid(_located((*reader.problems, *invalid.problems), path, reader.lines)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        says = f"cannot be parsed: {getattr(error, 'problem', None) or 'it is not YAML'}"
        problem = Problem(key="", message=says, rule=_UNREADABLE, hint="check indentation, quotes and brackets near this line")
        raise Invalid((problem.located(path.name, mark.line + 1 if mark else None),)) from None
    if reader.problems:
        raise Invalid(_located(tuple(reader.problems), path, reader.lines))
    file = rules.subjects.erased_file if rules.subjects else None
    if file is not None:
        rules = rules.with_erased(_erased(path, file, reader.lines))
    return RulesFile(path, rules, reader.lines)


def _erased(path: Path, file: str, lines: dict[str, int]) -> tuple[str, ...]:
    """The ids of the file. Raises Invalid: nobody's absence is guessed from a file that is not there."""
    key = "subjects.erased_file"
    try:
        found = erased_in(_text(path.parent / file))
    except Invalid as invalid:
        says = f"{key} is {file}, which {invalid.problems[0].message}"
        raise Invalid(_located((Problem(key=key, message=says, rule=_UNREADABLE, found=file),), path, lines)) from None
    if any("\0" in each for each in found):
        says = f"{key} is {file}, which is not text with one id a line"
        raise Invalid(_located((Problem(key=key, message=says, rule=_UNREADABLE, found=file),), path, lines))
    return found


def _text(path: Path) -> str:
    """What stands in a file, without the mark that some editors put first. Raises Invalid."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        says = "cannot be read: it is not UTF-8"
    except OSError as error:
        says = f"cannot be read: {(error.strerror or str(error)).lower()}"
    raise Invalid((Problem(key="", message=says, rule=_UNREADABLE).located(path.name, None),))


@dataclass
class _Reader:
    """Values of YAML nodes; notes the line of each key, and keys that stand twice."""

    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _seen: list[yaml.Node] = field(default_factory=list)

    def value(self, node: yaml.Node, key: str) -> Any:
        """The value of a node, all the way down. Raises Invalid for a part that an alias repeats: it may hold itself."""
        if isinstance(node, yaml.CollectionNode):
            if any(node is each for each in self._seen):
                says = f"{key} repeats another part of the file by an alias"
                raise Invalid((Problem(key=key, message=says, rule=_UNREADABLE, hint="write it out"),))
            self._seen.append(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{key}[{number}]") for number, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, key))
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return _WORDS.get(node.value, node.value) if plain else node.value

    def _entries(self, node: yaml.MappingNode, above: str) -> Iterator[tuple[str, Any]]:
        for name, value in node.value:
            key = f"{above}.{name.value}" if above else str(name.value)
            line = name.start_mark.line + 1
            if key in self.lines:
                says = f"{key} is written twice, first on line {self.lines[key]}"
                self.problems.append(Problem(key=key, message=says, rule=_TWICE, line=line, hint="remove one of them"))
            self.lines[key] = line
            yield str(name.value), self.value(value, key)


def _located(problems: tuple[Problem, ...], path: Path, lines: dict[str, int]) -> tuple[Problem, ...]:
    found = (problem.located(path.name, problem.line or _line(problem.key, lines)) for problem in problems)
    return tuple(sorted(found, key=lambda problem: problem.line or 0))


def _line(key: str, lines: dict[str, int]) -> int | None:
    """The line of a key, else of the nearest key above it; names of tables have dots and brackets of their own."""
    above = [each for each in lines if key == each or (key.startswith(each) and re.match(r"[.\[]", key[len(each) :]))]
    return lines[max(above, key=len)] if above else None
