"""What changes of the resources around a server do: made, ended, or one property of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.domain.azure import immutables
from infra.domain.changes import vault_rows
from infra.domain.changes.change import Danger, Operation, Step
from infra.domain.changes.server_rows import Judge, Verdict
from infra.domain.transitions import HOLDS_DATA

_POSTGRES, _NETWORK = "azure-native:dbforpostgresql", "azure-native:network"
LOCK = "azure-native:authorization:ManagementLockByScope"
_SAFE_END = "restore or promote into a new environment first, and prove it"
# What a resource costs or opens by being there. Everything that is not here costs nothing worth a line.
_CREATED: Mapping[str, tuple[Danger, str]] = {
    immutables.SERVER: (Danger.COSTS_MORE, "a new, empty server"),
    f"{_POSTGRES}:FirewallRule": (Danger.WEAKER_SECURITY, "addresses of the internet may reach the server"),
    f"{_POSTGRES}:AdministratorsMicrosoftEntra": (Danger.WEAKER_SECURITY, "one more principal may do everything"),
    "azure-native:operationalinsights:Workspace": (Danger.COSTS_MORE, "logs are billed by the gigabyte"),
    "azure-native:monitor:DiagnosticSetting": (Danger.COSTS_MORE, "logs and metrics are billed by the gigabyte"),
    f"{_NETWORK}:PrivateEndpoint": (Danger.COSTS_MORE, "an endpoint is billed by the hour"),
    f"{_NETWORK}:NatGateway": (Danger.COSTS_MORE, "a gateway is billed by the hour and the gigabyte"),
    f"{_NETWORK}:PublicIPAddress": (Danger.COSTS_MORE, "an address is billed by the hour"),
    **vault_rows.CREATED,
}
# What is missing once a resource is gone.
_ENDED: Mapping[str, tuple[Danger, str]] = {
    f"{_POSTGRES}:Configuration": (Danger.RESTART, "the parameter goes back to its default; a static one waits for a restart"),
    f"{_POSTGRES}:FirewallRule": (Danger.OUTAGE, "clients with these addresses are cut off"),
    f"{_POSTGRES}:AdministratorsMicrosoftEntra": (Danger.OUTAGE, "this principal can no longer log in as an administrator"),
    f"{_POSTGRES}:VirtualEndpoint": (Danger.OUTAGE, "names that follow the primary stop resolving"),
    LOCK: (Danger.WEAKER_SECURITY, "nothing in Azure stops a deletion any more, by hand or by mistake"),
    "azure-native:monitor:DiagnosticSetting": (Danger.WEAKER_SECURITY, "logs and metrics are no longer kept"),
    "azure-native:operationalinsights:Workspace": (Danger.IRREVERSIBLE, "the logs in it are gone, after fourteen days for good"),
    f"{_NETWORK}:VirtualNetwork": (Danger.OUTAGE, "nothing in it can be reached"),
    f"{_NETWORK}:Subnet": (Danger.OUTAGE, "nothing in it can be reached"),
    f"{_NETWORK}:NetworkSecurityGroup": (Danger.WEAKER_SECURITY, "nothing filters what enters the subnet"),
    f"{_NETWORK}:PrivateEndpoint": (Danger.OUTAGE, "clients lose their way to the server"),
    f"{_NETWORK}:NatGateway": (Danger.OUTAGE, "containers inside the network lose their way out"),
    f"{_NETWORK}:PublicIPAddress": (Danger.OUTAGE, "the way out loses its address"),
    "azure-native:privatedns:PrivateZone": (Danger.OUTAGE, "the server's name no longer resolves"),
    "azure-native:privatedns:VirtualNetworkLink": (Danger.OUTAGE, "the server's name no longer resolves in the network"),
    "azure-native:keyvault:Vault": (Danger.DATA_LOSS, "without its keys neither the server nor its backups can be read"),
    "azure-native:keyvault:Key": (Danger.DATA_LOSS, "without it neither the server nor its backups can be read"),
    **vault_rows.ENDED,
    "azure-native:storage:StorageAccount": (Danger.DATA_LOSS, "the copies in it are gone"),
    "azure-native:storage:BlobContainer": (Danger.DATA_LOSS, "the copies in it are gone"),
    "azure-native:managedidentity:UserAssignedIdentity": (Danger.OUTAGE, "what logs in with it no longer can"),
}


def created(step: Step) -> Verdict:
    """What comes of a new resource."""
    replica = step.type == immutables.SERVER and str((step.new or {}).get("createMode", "")).lower() == "replica"
    if replica:
        return Verdict(danger=Danger.COSTS_MORE, why="a read replica: compute and storage once more")
    if step.type == vault_rows.ASSIGNMENT:
        return vault_rows.assigned(step)
    danger, why = _CREATED.get(step.type, (Danger.HARMLESS, f"a new {step.kind}"))
    return Verdict(danger=danger, why=why)


def ended(step: Step) -> Verdict:
    """What is lost when a resource ends. To end what holds data is the worst there is, however it is called."""
    if step.operation is Operation.FORGET:
        return Verdict(danger=Danger.HARMLESS, why="Pulumi forgets it; in Azure it stays", instead="import it again, or delete it by hand")
    if step.type == vault_rows.POLICY and step.operation is Operation.REPLACE:
        return vault_rows.retention(step)
    again = " and made anew, empty" if step.operation is Operation.REPLACE else ""
    if step.type in HOLDS_DATA:
        what = "the server and all of its backups" if step.type == immutables.SERVER else "everything in it"
        held = "; Pulumi refuses while it is protected" if step.protect else ""
        return Verdict(danger=Danger.DATA_LOSS, why=f"{what} would be deleted{again}{held}", instead=_SAFE_END)
    danger, why = _ENDED.get(step.type, (Danger.UNKNOWN, f"nobody here knows what a {step.kind} is for"))
    if step.operation is Operation.REPLACE and danger not in (Danger.UNKNOWN, Danger.DATA_LOSS, Danger.IRREVERSIBLE):
        return Verdict(danger=danger, why=f"it is deleted{again}, and meanwhile {why}", takes="until the up has made it anew")
    return Verdict(danger=danger, why=f"it is deleted{again}: {why}")


def _address(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_SECURITY, why=f"other addresses may reach the server ({old} to {new}), and some may no longer")


def _retention(old: Any, new: Any) -> Verdict:
    try:
        fewer = float(new) < float(old)
    except (TypeError, ValueError):
        return Verdict(danger=Danger.UNKNOWN, why=f"{new} is no number of days")
    if fewer:
        return Verdict(danger=Danger.IRREVERSIBLE, why=f"logs older than {float(new):g} days are deleted")
    return Verdict(danger=Danger.COSTS_MORE, why=f"logs are kept {float(new):g} days instead of {float(old):g}")


def _lock(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_SECURITY, why=f"the lock changes from {old} to {new}", instead="CanNotDelete")


def _words(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.HARMLESS, why="words for people")


def _network(old: Any, new: Any) -> Verdict:
    return Verdict(
        danger=Danger.OUTAGE, why=f"what the network holds may lose its way ({old} to {new})", instead="add before you take away"
    )


def _filter(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_SECURITY, why="what may enter the subnet changes")


def _watch(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_SECURITY, why="other logs and metrics are kept than before")


ROWS: Mapping[str, Mapping[str, Judge]] = {
    "azure-native:resources:ResourceGroup": {"tags": _words},
    f"{_POSTGRES}:Configuration": {"source": _words},
    f"{_POSTGRES}:Database": {},
    f"{_POSTGRES}:FirewallRule": {"startIpAddress": _address, "endIpAddress": _address},
    f"{_POSTGRES}:AdministratorsMicrosoftEntra": {},
    f"{_POSTGRES}:VirtualEndpoint": {"members": _network, "endpointType": _network},
    LOCK: {"level": _lock, "notes": _words},
    "azure-native:operationalinsights:Workspace": {
        "retentionInDays": _retention,
        "tags": _words,
        "sku": _watch,
        "publicNetworkAccess": _filter,
    },
    "azure-native:monitor:DiagnosticSetting": {"logs": _watch, "metrics": _watch, "workspaceId": _watch},
    f"{_NETWORK}:VirtualNetwork": {"tags": _words, "addressSpace": _network, "enableDdosProtection": _filter, "subnets": _network},
    f"{_NETWORK}:Subnet": {"networkSecurityGroup": _filter, "*": _network},
    f"{_NETWORK}:NetworkSecurityGroup": {"tags": _words, "securityRules": _filter},
    f"{_NETWORK}:PrivateEndpoint": {"tags": _words, "*": _network},
    f"{_NETWORK}:NatGateway": {"tags": _words, "*": _network},
    f"{_NETWORK}:PublicIPAddress": {"tags": _words, "*": _network},
    f"{_NETWORK}:PrivateDnsZoneGroup": {"*": _network},
    "azure-native:privatedns:PrivateZone": {"tags": _words},
    "azure-native:privatedns:VirtualNetworkLink": {"tags": _words, "*": _network},
    **{type_: {"tags": _words, **rows} for type_, rows in vault_rows.ROWS.items()},
}
