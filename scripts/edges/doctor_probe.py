"""What stands between a machine and its first `up`, asked of Pulumi and of Azure: facts alone, the verdict is the doctor's."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.domain.offer import Offer, OfferedSku, Usage
from infra.domain.rights import Grant
from scripts.edges import arm, pulumi_cli
from scripts.edges.exits import BAD, CONFIGURATION, Failure

if TYPE_CHECKING:
    from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

# `pulumi version` takes a fifth of a second; the backend of `whoami` may be a slow service.
_SECONDS = 30.0
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)\S*")
# ARM's own resource kinds have api-versions of their own.
_SUBSCRIPTIONS, _PROVIDERS, _PERMISSIONS = "2022-12-01", "2021-04-01", "2022-04-01"
SERVERS = "Microsoft.DBforPostgreSQL/flexibleServers"


def pulumi_version() -> tuple[int, int, int] | None:
    """The version of the `pulumi` on PATH, None if there is none. Raises Failure for one that is not Pulumi."""
    path = pulumi_cli.found(os.environ)
    if path is None:
        return None
    done = _run(path, Path(), "version")
    match = _VERSION.fullmatch(done.stdout.strip())
    if done.returncode or match is None:
        raise Failure(BAD, f"{path} says no version, it is not Pulumi")
    return int(match[1]), int(match[2]), int(match[3])


@dataclass(frozen=True)
class Backend:
    """Where Pulumi keeps its state, and as whom it works there."""

    user: str
    url: str

    @property
    def keeps_secrets(self) -> bool:
        """Whether the backend itself encrypts: Pulumi's service does, a file or a bucket needs a provider in the stack file."""
        return self.url.startswith("https://")


def backend(folder: Path) -> Backend | None:
    """The backend that Pulumi is logged in to, None if it is not. Raises Failure if there is no `pulumi` at all."""
    path = pulumi_cli.found(os.environ)
    if path is None:
        raise Failure(CONFIGURATION, "no pulumi on PATH")
    done = _run(path, folder, "whoami", "--json", "--non-interactive")
    try:
        told = json.loads(done.stdout) if done.returncode == 0 else None
    except json.JSONDecodeError:
        told = None
    return Backend(str(told.get("user", "")), str(told.get("url", ""))) if isinstance(told, dict) else None


class Azure:
    """One subscription before anything of ours is in it. Every method raises Failure as Arm does."""

    def __init__(self, client: PostgreSQLManagementClient, subscription: str) -> None:
        self._client, self._subscription = client, subscription

    def subscription_state(self) -> str:
        """Enabled, Warned, PastDue, Disabled or Deleted. Raises Failure (BAD) for a subscription that is not there."""
        return str(self._get(f"/subscriptions/{self._subscription}", _SUBSCRIPTIONS, self._subscription)["state"])

    def registration(self, namespace: str) -> str:
        """The state of a resource provider: Registered, Registering, NotRegistered, Unregistered …"""
        path = f"/subscriptions/{self._subscription}/providers/{namespace}"
        return str(self._get(path, _PROVIDERS, namespace)["registrationState"])

    def name_refusal(self, name: str) -> str | None:
        """Why no new server may have this name, None if one may; names are one list for all of Azure."""
        with arm.classified(name):
            found = self._client.name_availability.check_globally({"name": name, "type": SERVERS})
        return None if found.name_available else (found.message or "the name is not available").rstrip(".")

    def offer(self, location: str) -> Offer:
        """The capabilities of a region. Raises Failure for a region that has no flexible servers."""
        with arm.classified(location):
            whole = next(iter(self._client.capabilities_by_location.list(location)), None)
        if whole is None:
            raise Failure(BAD, "offers nothing to this subscription", where=location)
        return _offer(location, whole)

    def usages(self, location: str) -> tuple[Usage, ...]:
        """The quotas of a region, in vCores."""
        with arm.classified(location):
            found = list(self._client.quota_usages.list(location))
        return tuple(Usage(str(each.name.value), each.current_value or 0, each.limit or 0) for each in found if each.name is not None)

    def grants(self, resource_group: str) -> tuple[Grant, ...]:
        """What the caller's roles allow in a resource group; in the subscription, as long as the group is not there."""
        scope = f"/subscriptions/{self._subscription}"
        try:
            told = self._permissions(f"{scope}/resourceGroups/{resource_group}")
        except Failure as failure:
            if failure.code is not BAD:
                raise
            told = self._permissions(scope)
        return tuple(Grant(tuple(each.get("actions") or ()), tuple(each.get("notActions") or ())) for each in told)

    def _permissions(self, scope: str) -> list[dict[str, Any]]:
        path = f"{scope}/providers/Microsoft.Authorization/permissions"
        listed: list[dict[str, Any]] = self._get(path, _PERMISSIONS, "rights")["value"]
        return listed

    def _get(self, path: str, version: str, where: str) -> dict[str, Any]:
        from azure.core.rest import HttpRequest

        with arm.classified(where):
            answer = self._client.send_request(HttpRequest("GET", path, params={"api-version": version}))
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        return found


def names_subscription() -> bool:
    """Whether the environment names a subscription, a good one or not."""
    return bool(os.environ.get(arm.SUBSCRIPTION))


def azure() -> Azure:
    """The subscription of the environment. Raises Failure if none is set; asks Azure nothing yet."""
    client = arm.connect()
    return Azure(client.sdk, os.environ[arm.SUBSCRIPTION])


def _offer(location: str, whole: Any) -> Offer:
    sizes = [sku for edition in whole.supported_server_editions or () for sku in edition.supported_server_skus or ()]
    return Offer(
        location=location,
        skus={
            sku.name: OfferedSku(
                zones=frozenset(sku.supported_zones or ()), modes=frozenset(arm.word(mode) for mode in sku.supported_ha_mode or ())
            )
            for sku in sizes
        },
        versions=frozenset(version.name for version in whole.supported_server_versions or ()),
        zone_redundant=_on(whole.zone_redundant_ha_supported),
        geo_backup=_on(whole.geo_backup_supported),
        zone_redundant_and_geo_backup=_on(whole.zone_redundant_ha_and_geo_backup_supported),
        restricted=_on(whole.restricted)
        or any(each.name == "OfferRestricted" and _on(each.status) for each in whole.supported_features or ()),
    )


def _on(value: Any) -> bool:
    return value is not None and arm.word(value) == "Enabled"


def _run(path: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        return subprocess.run(
            [path, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Failure(BAD, f"{path} {arguments[0]} did not end within {_SECONDS:.0f} s") from None
    except OSError as error:
        raise Failure(BAD, f"{path} cannot be run: {error.strerror}") from None
