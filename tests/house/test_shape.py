"""Small files, small functions, a first sentence in each module, and no word that does not belong in a product."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT, Source, files, sources

LONGEST_FILE = 300
LONGEST_FUNCTION = 40
# A component's constructor is a list of resources: cutting it in two hides the order in which they are made.
LONGEST_CONSTRUCTOR = 60
# Data, not code: a row is a line.
DATA_TABLES = {"infra/domain/azure/parameter_rows.py", "infra/domain/azure/sku_rows.py"}
SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "misc", "core", "base", "shared"}

# In halves, so that this file does not break its own rule.
_HOSTS = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry." + "npmjs.org",
    "cra" + "tes.io",
    "repo.maven." + "apache.org",
    "proxy." + "golang.org",
    "deb." + "debian.org",
)
FORBIDDEN = {
    "the host of a package registry": re.compile("|".join(re.escape(host) for host in _HOSTS), re.IGNORECASE),
    "a path of one machine": re.compile(r"(?<![\w.~$}/-])/(work|root|Users/\w+|home/\w+)(?=[/\s\"'`),;:]|$)", re.MULTILINE),
    "how the work was arranged, which is no property of the product": re.compile(
        r"\bthe " + r"(seed|brief)\b|\bissue" + r" #?\d{1,2}\b|\bdesign" + r"\.md\b", re.IGNORECASE
    ),
    "a maker of assistants": re.compile(r"\b(cla" + r"ude|anth" + r"ropic|chat" + r"gpt|gem" + r"ini)\b", re.IGNORECASE),
    "a secret that looks real": re.compile(r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----\n[A-Za-z0-9+/]{40}"),
}
SOURCES = sources()
# Text never holds a zero byte: git tells binary files by it, too.
TEXTS = tuple(path for path in files() if b"\0" not in path.read_bytes()[:8000])


def test_a_file_has_one_subject() -> None:
    """A file that passes the line has two."""
    lengths = {source.path: len(source.text.splitlines()) for source in SOURCES if source.path not in DATA_TABLES}
    assert not [f"{path} has {lines} lines, {LONGEST_FILE} is the most" for path, lines in lengths.items() if lines > LONGEST_FILE]


def test_a_function_fits_the_eye() -> None:
    found = [(source.path, *function) for source in SOURCES for function in _functions(source)]
    assert not [
        f"{path}:{line}: {name} has {length} lines, {most} is the most" for path, name, line, length, most in found if length > most
    ]


def test_a_module_says_first_what_it_is() -> None:
    docstrings = {source.path: ast.get_docstring(source.tree) or "" for source in SOURCES}
    assert not [path for path, text in docstrings.items() if not re.match(r".+?[.:](\s|$)", text, re.DOTALL)]


def test_a_file_name_says_something() -> None:
    assert not [source.path for source in SOURCES if Path(source.path).stem.lower() in SAY_NOTHING]


def test_data_tables_are_data() -> None:
    tables = [source for source in SOURCES if source.path in DATA_TABLES]
    assert {table.path for table in tables} == DATA_TABLES
    assert not [name for table in tables for name, *_ in _functions(table)]


def test_no_file_says_what_does_not_belong() -> None:
    found = [f"{path.relative_to(ROOT)}: {finding}" for path in TEXTS for finding in _forbidden(path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


# The words are put together here for the reason given above.
@pytest.mark.parametrize("text", ["https://" + _HOSTS[0] + "/simple", "cd /" + "work/main", "as the " + "brief says", "/" + "root/.cache"])
def test_a_word_that_does_not_belong_is_seen(text: str) -> None:
    assert list(_forbidden(text))


@pytest.mark.parametrize("text", ["https://example.org/work/", "docs/root/x", "/subscriptions/x/root", "seed=1"])
def test_a_harmless_word_is_left_alone(text: str) -> None:
    assert not list(_forbidden(text))


def _forbidden(text: str) -> Iterator[str]:
    for what, words in FORBIDDEN.items():
        for hit in words.finditer(text):
            yield f"line {text.count(chr(10), 0, hit.start()) + 1}: {hit[0]!r} is {what}"


def _functions(source: Source) -> Iterator[tuple[str, int, int, int]]:
    """Name, line, length in lines, and the most that it may have."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_constructor = node.name == "__init__" and source.path.startswith("infra/components/")
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield node.name, node.lineno, length, LONGEST_CONSTRUCTOR if is_constructor else LONGEST_FUNCTION
