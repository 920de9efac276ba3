"""Every section of the recordings is followed by a test that names it, or stands in the list of those that are not; the docs list both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.local_azure.wire.sections import COVERED, SECTIONS, UNCOVERED

HERE = Path(__file__).resolve().parent


def test_every_section_is_in_one_of_the_lists() -> None:
    placed = [*COVERED, *UNCOVERED]
    assert len(placed) == len(set(placed))
    for file, number in SECTIONS.items():
        assert sum(section.startswith(file) for section in placed) >= number - ("older" in file), file


@pytest.mark.parametrize("section", COVERED)
def test_a_section_that_is_covered_is_cited_by_its_tests(section: str) -> None:
    for name in COVERED[section][1]:
        folder, _, stem = name.rpartition("/")
        text = (HERE.parent / folder / f"test_{stem}.py").read_text(encoding="utf-8")
        assert f"wire/{section}" in text, f"test_{stem}.py does not cite it"


def test_the_documents_list_every_section(root: Path) -> None:
    text = (root / "docs" / "reference" / "recordings.md").read_text(encoding="utf-8")
    for section, (title, _) in {**COVERED, **UNCOVERED}.items():
        assert f"| {section} | {title} |" in text
