"""Copies of stack files for a shadow: what belongs to the real stack is left out, what belongs to the shadow's is put in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from infra.domain.environment import STACKS
from scripts.edges import stack_file
from scripts.edges.shadow import Shadow
from scripts.edges.stack_seal import Seal, layout_kept, sealed, stripped

PASSWORD = "agent-memory:administrator_password"


@pytest.mark.parametrize("stack", STACKS)
def test_a_sealed_copy_says_the_same_on_the_same_lines(stack: str, root: Path, tmp_path: Path) -> None:
    text = (root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(
        sealed(stripped(text), Seal({"encryptionsalt": "v1:salt="}, "v1:cipher+")), encoding="utf-8"
    )
    copy, real = stack_file.load(stack, tmp_path), stack_file.load(stack, root)
    assert copy.password_is_set
    assert copy.problems == ()
    assert copy.environment == real.environment
    assert {key: copy.lines[key] for key in real.lines} == real.lines


# As Pulumi writes it, as a person writes it, and without a last line's end.
BLOCK = """encryptionsalt: v1:theirs
config:
  agent-memory:environment: prod
  {password}:
    secure: v1:theirs
  agent-memory:replica: null
"""
INLINE = """config:
    agent-memory:environment: prod
    "{password}": {{secure: v1:theirs}}
    agent-memory:replica: null
encryptedkey: theirs
"""
NO_PASSWORD = """config:

  # a word
  agent-memory:environment: prod
  agent-memory:replica: null
secretsprovider: azurekeyvault://theirs"""


@pytest.mark.parametrize("own", [BLOCK, INLINE, NO_PASSWORD])
def test_what_was_encrypted_for_the_real_stack_is_left_out(own: str) -> None:
    copy = yaml.safe_load(sealed(stripped(own.format(password=PASSWORD)), Seal({"encryptionsalt": "v1:ours"}, "v1:ours")))
    config = {"agent-memory:environment": "prod", "agent-memory:replica": None, PASSWORD: {"secure": "v1:ours"}}
    assert copy == {"config": config, "encryptionsalt": "v1:ours"}


def test_a_shadow_without_pulumi_has_the_program_and_the_files(root: Path, tmp_path: Path) -> None:
    project = tmp_path / "a project"
    project.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(root / name, project)
    with (project / "Pulumi.yaml").open("a", encoding="utf-8") as file:
        file.write("backend:\n  url: https://theirs.example.org\n")
    shadow = Shadow(project, tmp_path / "state")
    shadow.prepare({"PATH": str(tmp_path)})
    written = yaml.safe_load((shadow.folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert written["main"] == str(project / "infra" / "__main__.py")
    assert "backend" not in written
    assert sorted(path.name for path in shadow.folder.iterdir()) == ["Pulumi.dev.yaml", "Pulumi.yaml"]


def test_what_leads_to_real_accounts_is_taken_away_and_the_rest_stays(tmp_path: Path) -> None:
    given = {
        "PATH": "/bin",
        "HOME": "/somewhere",
        "PULUMI_ACCESS_TOKEN": "t",
        "AZURE_CLIENT_ID": "t",
        "ARM_TENANT_ID": "t",
        "PGSERVICE": "t",
    }
    made = Shadow(tmp_path, tmp_path / "state").environment(given, {"ARM_SUBSCRIPTION_ID": "ours"})
    assert "t" not in made.values()
    assert (made["HOME"], made["ARM_SUBSCRIPTION_ID"]) == ("/somewhere", "ours")
    assert made["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/state/pulumi/backend"


def test_a_file_that_pulumi_rewrites_keeps_its_lines_and_gets_what_was_added(root: Path, tmp_path: Path) -> None:
    """As the engine does it: another layout, no alignment, and a null at the top that became an empty text."""
    path = tmp_path / "Pulumi.dev.yaml"
    text = (root / path.name).read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    rewritten = yaml.safe_load(text)
    rewritten["config"]["agent-memory:replica"] = ""
    rewritten["config"][PASSWORD] = {"secure": "v1:made"}
    rewritten["encryptionsalt"] = "v1:salt"
    with layout_kept(path):
        path.write_text(yaml.safe_dump(rewritten, sort_keys=True), encoding="utf-8")
    kept = path.read_text(encoding="utf-8")
    assert kept.startswith(text)
    assert kept.removeprefix(text) == f'  {PASSWORD}: {{secure: "v1:made"}}\nencryptionsalt: v1:salt\n'


def test_a_file_as_pulumi_leaves_it_is_read_like_the_one_before(root: Path, tmp_path: Path) -> None:
    text = (root / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    assert "agent-memory:replica: null" in text
    (tmp_path / "Pulumi.dev.yaml").write_text(text.replace("agent-memory:replica: null", 'agent-memory:replica: ""'), encoding="utf-8")
    assert stack_file.read("dev", tmp_path) == stack_file.read("dev", root)
