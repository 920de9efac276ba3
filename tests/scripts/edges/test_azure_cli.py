"""The profile that a local run writes for the Azure CLI, and the word that stands for it."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.edges import azure_cli

SAID = """#!/bin/sh
echo "$HTTPS_PROXY" "$https_proxy" "$@"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a child of a local run has, as far as az needs it."""
    doors = {"AGENTMEM_ARM_ENDPOINT": "https://127.0.0.1:4711", "ARM_SUBSCRIPTION_ID": "a subscription", "ARM_TENANT_ID": "a tenant"}
    return {**azure_cli.variables(tmp_path / "azure-cli"), **doors}


def _clouds(environment: dict[str, str]) -> configparser.SectionProxy:
    config = configparser.ConfigParser(interpolation=None)
    config.read(Path(environment["AZURE_CONFIG_DIR"]) / "clouds.config")
    return config[azure_cli.CLOUD]


def _az(folder: Path, text: str = SAID) -> None:
    folder.mkdir()
    (folder / "az").write_text(text)
    (folder / "az").chmod(0o755)


def test_every_address_of_its_cloud_is_on_this_machine(environment: dict[str, str]) -> None:
    azure_cli.write_profile(environment)
    ends = {name: value for name, value in _clouds(environment).items() if name.startswith("endpoint_")}
    # The one that is no address, but the name of what a token is for.
    assert ends.pop("endpoint_ossrdbms_resource_id") == "https://ossrdbms-aad.database.windows.net"
    assert {urlsplit(value).netloc for value in ends.values()} == {"127.0.0.1:4711"}


def test_the_profile_follows_the_ports_of_the_next_start(environment: dict[str, str]) -> None:
    azure_cli.write_profile(environment)
    azure_cli.write_profile({**environment, "AGENTMEM_ARM_ENDPOINT": "https://127.0.0.1:4712"})
    assert _clouds(environment)["endpoint_resource_manager"] == "https://127.0.0.1:4712/"


def test_somebody_who_logged_out_is_logged_in_by_the_next_command(environment: dict[str, str]) -> None:
    azure_cli.write_profile(environment)
    profile = Path(environment["AZURE_CONFIG_DIR"]) / "azureProfile.json"
    profile.write_text('{"subscriptions": []}', encoding="utf-8")
    azure_cli.write_profile(environment)
    (login,) = json.loads(profile.read_text(encoding="utf-8"))["subscriptions"]
    assert (login["id"], login["tenantId"], login["isDefault"]) == ("a subscription", "a tenant", True)


def test_the_profile_is_for_the_owner_alone(environment: dict[str, str]) -> None:
    azure_cli.write_profile(environment)
    folder = Path(environment["AZURE_CONFIG_DIR"])
    assert [path.name for path in (folder, *folder.iterdir()) if path.stat().st_mode & 0o077] == []


def test_the_word_az_closes_every_way_out_and_passes_on_what_was_typed(tmp_path: Path) -> None:
    words, installed = tmp_path / "words", tmp_path / "an az"
    _az(installed)
    path = os.pathsep.join((str(words), str(installed), os.defpath))
    azure_cli.write_word(words, {"PATH": path})
    environment = {"PATH": path, "HTTPS_PROXY": "http://proxy.example.org"}
    done = subprocess.run(["az", "group", "show", "a name"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "http://127.0.0.1:9 http://127.0.0.1:9 group show a name\n"


def test_without_az_there_is_no_word_for_it(tmp_path: Path) -> None:
    words, installed = tmp_path / "words", tmp_path / "installed"
    _az(installed)
    azure_cli.write_word(words, {"PATH": os.pathsep.join((str(words), str(installed)))})
    assert (words / "az").is_file()
    azure_cli.write_word(words, {"PATH": str(words)})
    assert not (words / "az").exists()
