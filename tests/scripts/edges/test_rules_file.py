"""A file of travel rules: text as it is written, the list of erased people beside it, and what is wrong with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.domain.problem import Invalid
from scripts.edges import rules_file


def test_a_file_of_rules_is_read_with_the_people_of_its_list(tmp_path: Path) -> None:
    (tmp_path / "erased.txt").write_text("\ufeffu1\n\n 007\r\n", encoding="utf-8")
    file = tmp_path / "rules.yaml"
    file.write_text(
        "mask:\n  public.sessions:\n    email: {set: 2026-01-01}\n    notes: {null: true}\ntenants: {column: tenant_id, keep: [007, on]}\n"
        "subjects:\n  column: user_id\n  erased_file: erased.txt\n",
        encoding="utf-8",
    )
    rules = rules_file.read(file).rules
    assert [rule.mask.value for rule in rules.masks] == ["2026-01-01", ""]
    assert rules.tenants is not None and rules.tenants.keep == ("007", "on")
    assert rules.subjects is not None and rules.subjects.erased == ("u1", "007")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mask:\n  public.a:\n    b: {sett: 1}\n", "rules.yaml:3: mask.public.a.b.sett is not a key of the rules (T1)"),
        ("tenants: {}\ntenants: {}\n", "rules.yaml:2: tenants is written twice, first on line 1 (T11)"),
        ("mask: [\n", "rules.yaml:2: cannot be parsed:"),
        (
            "subjects:\n  column: u\n  erased_file: no.txt\n",
            "rules.yaml:3: subjects.erased_file is no.txt, which cannot be read: no such file or directory (T12)",
        ),
        ("- a\n", "rules.yaml: the document is a list, expected a mapping (T3)"),
        ("mask: &x\n  a.b: *x\n", "rules.yaml:2: mask.a.b repeats another part of the file by an alias (T12)"),
    ],
)  # fmt: skip
def test_a_file_of_rules_that_is_wrong_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as raised:
        rules_file.read(tmp_path / "rules.yaml")
    assert told in str(raised.value)
