"""`pulumi preview --policy-pack infra/policy`: the pack in the real engine, on our program and on one that is not ours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.conftest import Terminal
from tests.engine.own_project import copied

# A program of somebody else: no component of ours, no stack file that we would check.
PROGRAM = """
import pulumi
from pulumi_azure_native import dbforpostgresql, resources

group = resources.ResourceGroup("group", resource_group_name="rg-other", location="westeurope")
server = dbforpostgresql.Server(
    "other",
    server_name="other-db",
    resource_group_name=group.name,
    location="West Europe",
    version="16",
    sku=dbforpostgresql.SkuArgs(name="Standard_B1ms", tier="Burstable"),
    storage=dbforpostgresql.StorageArgs(storage_size_gb=32),
    backup=dbforpostgresql.BackupArgs(backup_retention_days=pulumi.Config("other").require_int("days")),
    administrator_login="boss",
    administrator_login_password=pulumi.Output.secret("Correct-Horse-9"),
    opts=pulumi.ResourceOptions(protect=True),
)
if pulumi.Config("other").get_bool("pooled"):
    dbforpostgresql.Configuration(
        "pooler", configuration_name="pgbouncer.enabled", value="true", resource_group_name=group.name, server_name=server.name
    )
"""
Preview = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def terminal(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody who has one guarded stack and one that is not."""
    return Terminal(tmp_path_factory.mktemp("state"), path_with_pulumi, copied(tmp_path_factory.mktemp("project"), "dev", "prod"))


@pytest.fixture(scope="module")
def preview(served: Terminal, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Preview:
    """Previews the other program in a stack of this name, with this configuration, under the pack."""
    project = tmp_path_factory.mktemp("other")
    (project / "Pulumi.yaml").write_text((root / "Pulumi.yaml").read_text().replace("infra/__main__.py", "infra/other.py"))
    (project / "infra").mkdir()
    (project / "infra" / "other.py").write_text(PROGRAM)
    terminal = Terminal(served.state, served.path, project)

    def run(stack: str, *options: str, **config: object) -> subprocess.CompletedProcess[str]:
        for name in ("dev", "prod"):
            shutil.copy(root / f"Pulumi.{name}.yaml", project)
        with (project / f"Pulumi.{stack}.yaml").open("a") as file:
            file.writelines(f'  other:{name}: "{value}"\n' for name, value in config.items())
        return terminal.pulumi("preview", "--stack", stack, "--policy-pack", str(root / "infra" / "policy"), *options)

    return run


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_shipped_environments_keep_every_rule_of_the_pack(served: Terminal, root: Path, stack: str) -> None:
    done = served.pulumi("preview", "--stack", stack, "--policy-pack", str(root / "infra" / "policy"))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "agent-memory@v0.1.0" in said, "the pack did not run"
    assert "[mandatory]" not in said and "[advisory]" not in said and "can't run" not in said


def test_refusal_fails_the_preview_of_prod_with_the_rule(preview: Preview) -> None:
    done = preview("prod", days=3)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert re.search(r"\[mandatory\]\s+server-in-uat-and-prod", told), told
    assert "backup.retention_days is 3, Azure keeps 7 to 35 days (R5)" in told
    assert "Correct-Horse-9" not in told


def test_the_same_refusal_is_advice_in_dev(preview: Preview) -> None:
    done = preview("dev", days=3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\[advisory\]\s+server-elsewhere", done.stdout), done.stdout
    assert "(R5)" in done.stdout and "[mandatory]" not in done.stdout


def test_server_and_its_parameter_are_judged_together(preview: Preview) -> None:
    """The parameter's server is known only by reference: a name that comes from another resource is unknown in a preview."""
    done = preview("prod", days=7, pooled="true")
    assert done.returncode != 0
    assert "database.pool.pgbouncer is true on Standard_B1ms: Burstable has none" in done.stdout + done.stderr
    assert "servers-together-in-uat-and-prod" in done.stdout + done.stderr


def test_configuration_of_the_pack_changes_the_level(preview: Preview, tmp_path: Path) -> None:
    softer = tmp_path / "pack.json"
    softer.write_text(json.dumps({"server-in-uat-and-prod": "advisory"}))
    done = preview("prod", "--policy-pack-config", str(softer), days=3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[advisory]" in done.stdout and "(R5)" in done.stdout


def test_configuration_of_the_pack_names_other_guarded_stacks(preview: Preview, tmp_path: Path) -> None:
    stricter = tmp_path / "pack.json"
    names = {"guarded": ["dev"]}
    stricter.write_text(json.dumps({"server-in-uat-and-prod": names, "server-elsewhere": names}))
    done = preview("dev", "--policy-pack-config", str(stricter), days=3)
    assert done.returncode != 0
    assert "[mandatory]" in done.stdout + done.stderr
