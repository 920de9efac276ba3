"""The repository as data: its files, its modules, and what each module imports and when."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON_FOLDERS = ("infra", "scripts", "tests", "benchmarks", "tools")
# Not ours, or made by a command: the same folders as in .gitignore, and git's own.
_LEFT_OUT = {".git", ".venv", ".tools", ".local-azure", "build", "dist", "__pycache__", "node_modules", "htmlcov", ".hypothesis"}
_CACHES = ("_cache", ".egg-info")


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, its line, and whether importing the file imports it too."""

    name: str
    line: int
    at_module_level: bool


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the repository's folder, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """The file as syntax."""
        return ast.parse(self.text, self.path)

    @property
    def imports(self) -> tuple[Import, ...]:
        """Every import, also those inside functions and by `importlib`; those under TYPE_CHECKING are not at module level."""
        return tuple(_imports(self.tree, at_module_level=True))


@cache
def files() -> tuple[Path, ...]:
    """Every file of the repository that is not made by a command."""
    return tuple(sorted(_walk(ROOT)))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below `folders`, by default below all of PYTHON_FOLDERS."""
    chosen = folders or PYTHON_FOLDERS
    paths = [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in chosen]
    return tuple(Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _LEFT_OUT or path.name.endswith(_CACHES):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix != ".pyc":
            yield path


def _imports(node: ast.AST, *, at_module_level: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        yield from _imported_by(child, at_module_level)
        deeper = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_for_types_only(child)
        yield from _imports(child, at_module_level=at_module_level and not deeper)


def _imported_by(node: ast.AST, at_module_level: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, node.lineno, at_module_level)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            yield Import(f"{module}.{alias.name}" if not module.endswith(".") else module + alias.name, node.lineno, at_module_level)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"importlib.import_module", "import_module", "__import__"} and node.args:
        yield Import(_literal(node.args[0]), node.lineno, at_module_level)


def _literal(node: ast.expr) -> str:
    """The text of an argument, of an f-string what stands before the first brace; "?" if there is none to judge by."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    return node.value.removesuffix(".") if isinstance(node, ast.Constant) and isinstance(node.value, str) else f"?{ast.unparse(node)}"


def _is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
