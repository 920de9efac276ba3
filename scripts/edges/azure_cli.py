"""The Azure CLI's profile of a local run: logged in, in a cloud of its own in which every address is the local Azure's.

The files are what `az cloud register` and `az login --identity` leave, written in a millisecond instead of in two seconds, so any command
may find them there; tests/az compares them with what az itself makes of the same wish. The profile is no key: az asks the identity
endpoint for a token at every command. A word of our own named `az` comes first on PATH and closes every way out of this machine.
"""

from __future__ import annotations

import configparser
import io
import json
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

# The name that az shows as environmentName; never the name of one of Microsoft's clouds, whose other addresses az would add.
CLOUD = "AgentMemoryLocal"
# A token for it is the password of an Entra role; az names the resource, and asks the identity endpoint for it. No address is called.
_DATABASE_RESOURCE = "https://ossrdbms-aad.database.windows.net"
# Nobody listens there (the port of the discard protocol). Addresses of this machine need no proxy, the local Azure's environment says so.
_NO_WAY_OUT = "http://127.0.0.1:9"
_WORD = """#!/bin/sh
# Without a way out az looks for no newer version of itself, for no extension, and for no address of this machine seen from outside.
export HTTPS_PROXY={proxy} https_proxy={proxy} HTTP_PROXY={proxy} http_proxy={proxy}
exec {az} "$@"
"""
# What az sends tokens and requests to. Where the local Azure plays nothing, it says so.
_ENDPOINTS = {
    "resource_manager": "/", "management": "/", "active_directory": "/aad", "active_directory_resource_id": "/",
    "active_directory_graph_resource_id": "/", "microsoft_graph_resource_id": "/",
}  # fmt: skip


def variables(folder: Path) -> dict[str, str]:
    """The environment that makes az use the profile in `folder`, ask nobody a question, and call nobody but its cloud.

    Variables win over the profile's `config`, which is left to the person: defaults that they set there stay.
    """
    return {
        "AZURE_CONFIG_DIR": str(folder), "AZURE_CLOUD_NAME": CLOUD, "AZURE_CORE_COLLECT_TELEMETRY": "no", "AZURE_CORE_SURVEY_MESSAGE": "no",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no", "AZURE_AUTO_UPGRADE_ENABLE": "no", "AZURE_CORE_LOGIN_EXPERIENCE_V2": "no",
    }  # fmt: skip


def write_profile(environment: Mapping[str, str]) -> None:
    """Write the profile for the local Azure that a child with this environment talks to; its ports are others at every start."""
    folder, url = Path(environment["AZURE_CONFIG_DIR"]), environment["AGENTMEM_ARM_ENDPOINT"]
    subscription, tenant = environment["ARM_SUBSCRIPTION_ID"], environment["ARM_TENANT_ID"]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / "clouds.config", _clouds(url, subscription))
    _write(folder / "azureProfile.json", json.dumps({"subscriptions": [_login(subscription, tenant)]}))


def write_word(folder: Path, environment: Mapping[str, str]) -> None:
    """Write `folder`/az, which stands for the first other az on the PATH of a child with this environment; without one there is none."""
    places = [place for place in environment.get("PATH", os.defpath).split(os.pathsep) if Path(place) != folder]
    az = shutil.which("az", path=os.pathsep.join(places))
    if az is None:
        (folder / "az").unlink(missing_ok=True)
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / "az", _WORD.format(proxy=_NO_WAY_OUT, az=shlex.quote(os.path.abspath(az))), mode=0o700)


def _clouds(url: str, subscription: str) -> str:
    cloud = {f"endpoint_{name}": url + path for name, path in _ENDPOINTS.items()}
    cloud["endpoint_ossrdbms_resource_id"] = _DATABASE_RESOURCE
    cloud["suffix_postgresql_server_endpoint"] = ".postgres.database.azure.com"
    cloud["subscription"] = subscription
    config, text = configparser.ConfigParser(interpolation=None), io.StringIO()
    config[CLOUD] = cloud
    config.write(text)
    return text.getvalue()


def _login(subscription: str, tenant: str) -> dict[str, object]:
    """One subscription, as az keeps it after a login with the machine's own identity."""
    return {
        "id": subscription, "name": "local Azure", "state": "Enabled", "isDefault": True, "tenantId": tenant, "homeTenantId": tenant,
        "environmentName": CLOUD, "managedByTenants": None,
        "user": {"name": "systemAssignedIdentity", "type": "servicePrincipal", "assignedIdentityInfo": "MSI"},
    }  # fmt: skip


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    """Whole or not at all, for the owner alone; untouched if it says so already, for an az that reads it just now."""
    if path.is_file() and path.read_text(encoding="utf-8-sig") == text:
        return
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)
