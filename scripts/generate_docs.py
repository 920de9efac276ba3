"""Writes the parts of the documents that are made from the code: tables of the README, and docs/reference. `make docs` runs it.

A test compares what is written with what would be; nobody edits these parts by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.domain import sizing
from infra.domain.azure import parameters
from infra.domain.environment import STACKS, Environment
from infra.domain.schema import stack_schema
from scripts.edges.exits import MEANING

ROOT = Path(__file__).resolve().parents[1]
_SCHEMA = "docs/reference/stack.schema.json"
# Rules of shape have no function each: they are what reading and parsing a stack file can find.
SHAPE_RULES = {
    "C1": "a key is one of the contract's",
    "C2": "every key is written",
    "C3": "a value has the type of its key",
    "C4": "a value is one of those allowed, and within its limits",
    "C5": "no key stands twice",
    "C6": "the file can be read, and is YAML",
    "C7": "`environment` is the stack's name",
    "C8": "the administrator's password is a Pulumi secret, never in clear",
    "C9": "the password is set where logins by password are allowed",
}
_JUDGED_FROM = {
    "environment": "the stack file",
    "server": "the old environment or the live server",
    "prices": "the stack file and prices.json",
}
_MARKERS = re.compile(r"(<!-- made by `make docs`: (?P<block>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def documents(root: Path = ROOT) -> dict[Path, str]:
    """Every generated file of the repository at `root` with the text that it should have."""
    readme = root / "README.md"
    reference = root / "docs" / "reference"
    return {
        readme: filled(readme.read_text(encoding="utf-8"), blocks(root)),
        root / _SCHEMA: json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n",
        reference / "contract.md": _page("The contract: every key of a stack file", _contract()),
        reference / "local-azure-parameters.md": _page("Server parameters on the local Azure", _effects()),
        reference / "index-health.md": _page("What `agentmem indexes status` finds", _index_health()),
        reference / "rules.md": _page("The rules that `agentmem check` judges by", _rules()),
    }


def filled(text: str, made: Mapping[str, str]) -> str:
    """`text` with each marked block replaced by the one of its name; raises KeyError for a name that nobody makes."""
    return _MARKERS.sub(lambda found: f"{found[1]}{made[found['block']]}{found[3]}", text)


def blocks(root: Path = ROOT) -> dict[str, str]:
    """The named blocks of the README."""
    return {"environments": _lines(_environments(root)), "commands": _lines(_commands()), "exit-codes": _lines(_exit_codes())}


def _environments(root: Path) -> Iterator[str]:
    from scripts.edges.stack_file import read

    environments = [read(stack, root) for stack in STACKS]
    columns = [list(_facts(environment).items()) for environment in environments]
    rows = [[columns[0][row][0], *(column[row][1] for column in columns)] for row in range(len(columns[0]))]
    yield from _table(["", *(f"[{stack}](Pulumi.{stack}.yaml)" for stack in STACKS)], rows)


def _facts(environment: Environment) -> dict[str, str]:
    """What tells one environment from another, as a person would ask it."""
    sku, storage, backup = sizing.sku_of(environment), environment.storage, environment.backup
    copies = backup.portable_copies
    replica = environment.replica
    return {
        "region": environment.location,
        "server": f"{environment.server.sku}, {sku.tier}",
        "compute": f"{sku.vcores} vCore{'s' if sku.vcores > 1 else ''}, {sku.memory_mib / 1024:g} GiB",
        "storage": f"{storage.size_gib} GiB{', grows' if storage.autogrow else ''}",
        "high availability": "none" if environment.availability.mode == "Disabled" else environment.availability.mode,
        "point-in-time restore": f"{backup.retention_days} days{', geo-redundant' if backup.geo_redundant else ''}",
        "portable copies": f"{copies.weekly} weekly, {copies.monthly} monthly" if copies.weekly or copies.monthly else "none",
        "replica": replica.location if replica else "none",
        "network": environment.network.mode.replace("_", " "),
        "usable connections": str(sizing.usable_connections(environment)),
        **{f"RPO / RTO, {failure}": _target(target) for failure, target in environment.recovery},
        "protected, locked": f"{_yes(environment.guard.protect)}, {_yes(environment.guard.lock)}",
    }


def _target(target: Any) -> str:
    return f"{_time(target.rpo_minutes)} / {_time(target.rto_minutes)}"


def _time(minutes: int) -> str:
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes >= size and minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min" if minutes else "0"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _commands() -> Iterator[str]:
    import typer

    from scripts.cli import app

    tree: Any = typer.main.get_command(app)
    yield from _table(["command", "what it does"], ([f"`agentmem {name}`", _sentences(verb.help)] for name, verb in tree.commands.items()))


def _exit_codes() -> Iterator[str]:
    yield from _table(["code", "means"], ([str(int(code)), meaning] for code, meaning in MEANING.items()))


def _rules() -> Iterator[str]:
    from infra.domain.check import PRODUCT_RULES, RULES

    yield "A Problem names the rule that found it. R: Azure refuses it, or it ruins an environment. W: a warning."
    yield "P: what this product can do, and wants. C: the shape of a stack file."
    groups = {"What Azure does": RULES, "What this product can do, and wants": PRODUCT_RULES}
    for title, rules in groups.items():
        yield from ("", f"## {title}", "")
        ordered = sorted(rules, key=lambda rule: (rule.id[0], int(rule.id[1:])))
        rows = ([rule.id, rule.title, _JUDGED_FROM[rule.needs], rule.source] for rule in ordered)
        yield from _table(["rule", "says", "judged from", "source"], rows)
    yield from ("", "## The shape of a stack file", "")
    yield from _table(["rule", "says"], SHAPE_RULES.items())


def _index_health() -> Iterator[str]:
    from infra.domain.health_facts import RULES
    from infra.domain.pgvector_versions import DEFECTS

    yield "Each finding names its rule, and the command that mends it. `agentmem indexes status` exits with 1 when something declared is"
    yield "not true; what only costs is a warning. `agentmem indexes repair` shows what it would do, asks, does it, and looks again."
    yield "It drops and builds indexes on declared columns only, and leaves an index that somebody searches to a person."
    yield ""
    yield from _table(
        ["rule", "finds", "because", "mended by"], ([id, rule.title, rule.because, rule.mended] for id, rule in RULES.items())
    )
    yield from ("", "## Versions of pgvector with known defects (I15, I16)", "")
    rows = ([each.id, f"{each.since}, {each.fixed or 'no release yet'}", each.says, each.remedy] for each in DEFECTS)
    yield from _table(["defect", "from, fixed in", "what happens", "beside the update"], rows)


def _contract() -> Iterator[str]:
    yield "One file, `Pulumi.<stack>.yaml`, is one environment. Every key is written in every file and none has a default;"
    yield "only `accepted` and `network.job` may be left out."
    yield "The same as a JSON schema, for editors: [stack.schema.json](stack.schema.json)."
    schema = Environment.model_json_schema(by_alias=True)
    for name, value in schema["properties"].items():
        prefix = "azure-native" if name == "location" else "agent-memory"
        yield from ("", f"## {prefix}:{name}", "")
        section = _referred(value, schema)
        yield from (line for line in [_says(section)] if line)
        rows = list(_keys(section, "", schema))
        if rows:
            yield ""
            yield from _table(["key", "type", "meaning"], rows)
        else:
            yield f"Type: {_type(value, schema)}."


def _keys(section: Mapping[str, Any], prefix: str, schema: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each key below `section`; the keys of a list's items stand under `[]`."""
    for name, value in section.get("properties", {}).items():
        required = "" if name in section.get("required", ()) else ", may be left out"
        yield [f"`{prefix}{name}`", _type(value, schema) + required, _says(value) or _says(_referred(value, schema))]
        for option in _options(value):
            in_list = option.get("type") == "array"
            inner = _referred(option["items"] if in_list else option, schema)
            yield from _keys(inner, f"{prefix}{name}{'[]' if in_list else ''}.", schema)


def _options(value: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    options: Sequence[Mapping[str, Any]] = value.get("anyOf") or value.get("oneOf") or [value]
    return options


def _referred(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a value refers to: an object, or the items of a list of objects; itself if it refers to nothing."""
    for option in _options(value):
        found = option.get("items", {}) if option.get("type") == "array" else option
        if "$ref" in found:
            target: Mapping[str, Any] = schema["$defs"][found["$ref"].rpartition("/")[2]]
            return target
    return value


def _type(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_one_type(option, schema) for option in _options(value)))


def _one_type(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in value:
        kind = schema["$defs"][value["$ref"].rpartition("/")[2]].get("properties", {}).get("kind", {})
        return f"object ({kind['const']})" if "const" in kind else "object"
    if "const" in value or "enum" in value:
        return ", ".join(f"`{word}`" for word in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {_type(value['items'], schema)}"
    limits = [f"{word} {value[name]}" for name, word in (("minimum", "at least"), ("maximum", "at most")) if name in value]
    return ", ".join([str(value.get("type", "any")), *limits])


def _says(value: Mapping[str, Any]) -> str:
    return _sentences(value.get("description", ""))


def _sentences(text: str | None) -> str:
    return " ".join((text or "").split())


def _effects() -> Iterator[str]:
    """Where each parameter arrives that somebody may write: only those that do not simply reach PostgreSQL are listed."""
    from scripts.local_azure.kinds.parameter_effect import Effect, effect, why_modelled

    writable = [item.name for item in parameters.PARAMETERS.values() if not item.read_only]
    found = {kind: sorted(name for name in writable if effect(name) is kind) for kind in Effect}
    applied = len(found[Effect.APPLIED])
    yield f"Azure lets somebody write {len(writable)} parameters; {applied} of them are applied: PostgreSQL knows them, and a value that is"
    yield "written reaches it, at once or after a restart. The others are these; their values are kept, checked and answered."
    yield ""
    yield "## Enforced by the gateway in front of the server"
    yield ""
    yield ", ".join(f"`{name}`" for name in found[Effect.GATEWAY])
    yield ""
    yield "## Kept and answered only"
    yield ""
    yield from _table(("parameter", "because"), ((f"`{name}`", why_modelled(name)) for name in found[Effect.MODELLED]))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _page(title: str, lines: Iterable[str]) -> str:
    return f"# {title}\n\nMade from the code by `make docs`; do not edit.\n\n{_lines(lines)}"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write every generated document that is not up to date, and name it on stderr."""
    for path, text in documents().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stderr.write(f"{path.relative_to(ROOT)} written\n")


if __name__ == "__main__":
    main()
