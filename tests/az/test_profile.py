"""az on the local Azure is logged in there and nowhere else: the person's own profile is neither read nor written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.az.installation import ROOT

THEIRS = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of somebody who is logged in at the real Azure."""
    home = tmp_path_factory.mktemp("home")
    profile = home / ".azure"
    profile.mkdir()
    user = {"name": "me@example.org", "type": "user"}
    subscription = {"id": THEIRS, "name": "production", "state": "Enabled", "isDefault": True, "tenantId": THEIRS, "user": user}
    text = json.dumps({"subscriptions": [{**subscription, "environmentName": "AzureCloud"}]})
    (profile / "azureProfile.json").write_text(text, encoding="utf-8")
    (profile / "clouds.config").write_text(f"[AzureCloud]\nsubscription = {THEIRS}\n", encoding="utf-8")
    (profile / "config").write_text("[cloud]\nname = AzureCloud\n[core]\ncollect_telemetry = yes\n", encoding="utf-8")
    return home


def _run(home: Path, state: Path, az: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """`agentmem local-azure run -- COMMAND` in the terminal of that person."""
    theirs = {"HOME": str(home), "AZURE_CONFIG_DIR": str(home / ".azure"), "AZURE_CLOUD_NAME": "AzureCloud"}
    environment = {**os.environ, **theirs, "PATH": f"{az.parent}{os.pathsep}{os.environ['PATH']}"}
    line = [sys.executable, "-m", "scripts.cli", "local-azure", "run", "--state", str(state), "--", *command]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)


def test_a_script_that_calls_az_sees_the_local_azure_and_not_the_persons_login(home: Path, installed: Path, tmp_path: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in home.rglob("*") if path.is_file()}
    # `cloud set` is how somebody would leave the local Azure, and must lead nowhere.
    script = "az cloud set -n AzureCloud && az account list && az postgres flexible-server list -o tsv"
    done = _run(home, tmp_path, installed, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    (subscription,) = json.loads(done.stdout)
    assert (subscription["cloudName"], subscription["user"]["name"]) == ("AgentMemoryLocal", "systemAssignedIdentity")
    assert THEIRS not in done.stdout + done.stderr
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in home.rglob("*") if path.is_file()} == before
