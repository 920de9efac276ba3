"""Documents cannot rot: what is made from the code is up to date, and what a person needs is named."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement

from infra.domain.environment import STACKS
from scripts import generate_docs
from scripts.cli import app
from scripts.edges.exits import MEANING, Exit
from tests.house.rooms import ROOMS
from tests.house.sources import sources

VERBS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
# What the lead-in of a document shows as true output must have been seen: an empty block was forgotten.
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_generated_documents_are_up_to_date(root: Path) -> None:
    made = generate_docs.documents(root)
    stale = [path.name for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    assert not stale, f"run `make docs`: {stale}"


def test_every_block_that_is_made_stands_in_the_readme(readme: str, root: Path) -> None:
    assert set(re.findall(r"<!-- made by `make docs`: ([a-z-]+) -->", readme)) == set(generate_docs.blocks(root))


def test_a_changed_block_is_seen() -> None:
    text = "a\n<!-- made by `make docs`: exit-codes -->\nold\n<!-- end -->\nb\n"
    assert generate_docs.filled(text, {"exit-codes": "new\n"}) == text.replace("old", "new")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_readme_and_has_help(verb: str, readme: str) -> None:
    assert f"`agentmem {verb}`" in readme
    assert typer.main.get_command(app).commands[verb].help  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", list(Exit))
def test_every_exit_code_is_in_the_readme(code: Exit, readme: str) -> None:
    assert f"| {int(code)} | {MEANING[code]} |" in readme


@pytest.mark.parametrize("stack", STACKS)
def test_the_readme_leads_to_every_environment(stack: str, readme: str) -> None:
    assert f"[{stack}](Pulumi.{stack}.yaml)" in readme


def test_examples_show_true_output(readme: str) -> None:
    silent = [block.strip() for block in BLOCK.findall(readme) if len(block.strip().splitlines()) < 2]
    assert not silent, f"a command without its output: {silent}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str, root: Path) -> None:
    links = LINK.findall((root / name).read_text(encoding="utf-8"))
    assert not [link for link in links if not (root / link).exists()]


def test_each_release_says_what_changed_and_what_broke(root: Path) -> None:
    releases = re.split(r"^## ", (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert releases
    for release in releases:
        sections = dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", release, flags=re.MULTILINE | re.DOTALL))
        assert list(sections) == ["Changes", "Breaking Changes"]
        assert all(text.strip() for text in sections.values()), "an empty section says None"


def test_every_rule_of_shape_is_documented() -> None:
    """Rules of shape have no table in the code: each id that a reader of stack files uses must be in that of the documents."""
    readers = [source for source in sources("infra", "scripts") if source.path != "scripts/generate_docs.py"]
    used = {rule for source in readers for rule in re.findall(r'"(C\d+)"', source.text)}
    assert used <= set(generate_docs.SHAPE_RULES)


def test_every_make_target_that_a_document_names_exists(root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    documents = [(root / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    assert {target for text in documents for target in re.findall(r"`make ([a-z]+)", text)} <= targets


def test_ci_runs_the_test_command_of_the_readme(root: Path, readme: str) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert "$ make test\n" in readme
    assert re.search(r"^make test$", script, flags=re.MULTILINE)
    assert "export AGENTMEM_DEMAND=1" in script
    assert subprocess.run(["bash", "-n", root / ".ci" / "run"], check=False).returncode == 0


@pytest.mark.parametrize("folder", sorted({file.removesuffix("/*.py") for room in ROOMS for file in room.files if file.endswith("/*.py")}))
def test_the_map_names_every_folder_that_exists(folder: str, root: Path) -> None:
    if (root / folder).is_dir():
        assert f"`{folder}" in (root / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_what_is_installed_is_what_is_declared(root: Path) -> None:
    """requirements*.in repeat what pyproject.toml declares, so that neither can be changed alone."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {"requirements.txt": project["dependencies"], "requirements-dev.txt": project["optional-dependencies"]["dev"]}
    for file, declared in wanted.items():
        pins = dict(re.findall(r"^([a-z0-9-]+)==([0-9][^ ]*)", (root / file).read_text(encoding="utf-8"), flags=re.MULTILINE))
        for requirement in map(Requirement, declared):
            assert requirement.specifier.contains(pins[requirement.name.lower()]), f"{file}: {requirement}"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-policy.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_with_hashes(name: str, root: Path) -> None:
    text = (root / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert not [line.split()[0] for line in lines if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]
