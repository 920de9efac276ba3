"""The commands in scripts and recipes as data: who is called with which words, and whether a call of ours can be right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
import typer

from scripts.cli import app

ROOT_COMMAND = typer.main.get_command(app)
_RULE = re.compile(r"^([a-z-]+):(?!=)([^#\n]*)[^\n]*\n((?:\t[^\n]*\n)*)", re.MULTILINE)
_DEFINITION = re.compile(r"^([A-Z_]+) *(\?|:)?= *([^\n]*)$", re.MULTILINE)
_VARIABLE = re.compile(r"\$\(([A-Z_]+)\)")
_CONDITION = re.compile(r"\$\(if [A-Z_]+,([^()]*)\)")
_DEMANDED = re.compile(r"\$\(or \$\(([A-Z_]+)\),\$\(error ")


@dataclass(frozen=True)
class Called:
    """A command of a script: its words after its name."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A target of make: what it needs first, and its recipe."""

    before: tuple[str, ...]
    recipe: str


def scripts(value: Any) -> Iterator[str]:
    """Every script of a workflow or a pipeline, at whatever depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("run", "bash", "script", "inlineScript") and isinstance(item, str):
                yield item
            else:
                yield from scripts(item)
    elif isinstance(value, list):
        for item in value:
            yield from scripts(item)


def called(script: str, name: str) -> list[Called]:
    """The calls of `name` in a script, wherever it lies, each up to what ends a command of a shell."""
    found = []
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split, words = True, []
        for word in (*lexer, ";"):
            if not set(word) <= set(";&|<>()"):
                words.append(word)
                continue
            at = [number for number, each in enumerate(words) if each.rpartition("/")[2] == name]
            found += [Called(name, tuple(words[at[0] + 1 :]))] if at else []
            words = []
    return found


def verb(words: tuple[str, ...]) -> tuple[click.Command, tuple[str, ...]]:
    """The verb that the words name, at whatever depth, and what follows; raises KeyError for one that does not exist."""
    command: Any = ROOT_COMMAND
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def faults(call: Called) -> set[str]:
    """The options of a call of agentmem that its verb does not have, and those that it must have and are not given.

    What follows `--` is another command: judged too if it is one of ours.
    """
    at = call.words.index("--") if "--" in call.words else len(call.words)
    rest = call.words[at + 1 :]
    if rest[:1] == (call.name,):
        return faults(Called(call.name, call.words[:at])) | faults(Called(call.name, rest[1:]))
    command, words = verb(call.words[:at])
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    required = {option for parameter in command.params if parameter.required for option in parameter.opts if option.startswith("--")}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    return (given - known) | (required - given)


class Makefile:
    """The targets of a Makefile, and the variables that a call of one may and must give."""

    def __init__(self, text: str) -> None:
        self.targets = {name: Target(tuple(before.split()), recipe) for name, before, recipe in _RULE.findall(text)}
        self._definitions = {name: value for name, _, value in _DEFINITION.findall(text)}

    def scripts(self) -> Iterator[str]:
        """Every recipe as the shell sees it, where each variable is its name and each condition holds."""
        for target in self.targets.values():
            plain = _VARIABLE.sub(r"\1", target.recipe)
            yield _CONDITION.sub(r"\1", plain).replace("$$", "$").replace("\t@", "\t")

    def text(self, target: str) -> str:
        """The recipes of a target and of all that it needs, and the values of the variables in them."""
        found = self.targets[target]
        others = {each for each in (*found.before, *re.findall(r"[a-z-]+", _sub_makes(found.recipe))) if each in self.targets}
        text = "\n".join([found.recipe, *(self.text(each) for each in sorted(others - {target}))])
        known: set[str] = set()
        while unknown := set(_VARIABLE.findall(text)) - known:
            known |= unknown
            text = "\n".join([text, *(self._definitions.get(name, "") for name in sorted(unknown))])
        return text

    def faults(self, words: tuple[str, ...]) -> set[str]:
        """What is wrong with a call of make: targets that are not there, variables that nothing reads, or that are missing."""
        given = {word.partition("=")[0] for word in words if "=" in word}
        asked = [word for word in words if "=" not in word and not word.startswith("-")]
        known = [target for target in asked if target in self.targets]
        read = {name for target in known for name in _VARIABLE.findall(self.text(target))}
        demanded = {name for target in known for name in _DEMANDED.findall(self.text(target))}
        return (set(asked) - set(known)) | (given - read) | (demanded - given)


def _sub_makes(recipe: str) -> str:
    return "\n".join(line for line in recipe.splitlines() if "$(MAKE)" in line)
