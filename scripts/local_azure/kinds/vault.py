"""Backup vaults, their policies, and the servers that they hold: what Azure Backup takes and refuses.

Only the model: nothing is copied, and so nothing is kept after a deletion. Checked: region, roles of the vault's identity, kind and size
of the disk, schedule and retention, and that a policy never changes. Codes are assumed, but for the one of a missing role (page on
troubleshooting the older single servers), and writes are done at once: no recording holds any of this.
"""

from __future__ import annotations

import uuid
from typing import Any

from infra.domain import long_term
from infra.domain.azure import roles, storage
from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.document import Documents
from scripts.local_azure.kinds.kind import SERVERS, Body, Outcome
from scripts.local_azure.operations import Operation
from scripts.local_azure.refusal import Refusal, bad_value
from scripts.local_azure.resource_ids import ResourceId, parse
from scripts.local_azure.store import Record

VAULTS = "microsoft.dataprotection/backupvaults"
POLICIES, INSTANCES = f"{VAULTS}/backuppolicies", f"{VAULTS}/backupinstances"
ASSIGNMENTS = "microsoft.authorization/roleassignments"
DATASOURCE = "Microsoft.DBforPostgreSQL/flexibleServers"
MISSING_RIGHT = "UserErrorMSIMissingPermissions"
# What cannot be taken back once it is so.
FOR_GOOD = {"immutabilitySettings": "Locked", "softDeleteSettings": "AlwaysOn"}


class BackupVaults(Documents):
    """Vaults. One with a server in it is not deleted, and keeps its redundancy."""

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Keeps the vault; its identity gets a principal once, and keeps it."""
        before = self.world.store.get(resource.key)
        wanted = body.get("properties") or {}
        if not wanted.get("storageSettings"):
            raise bad_value("storageSettings", "a vault says where it keeps its copies")
        if before is not None:
            self._refuse_change(resource, before["body"]["properties"], wanted)
        identity = body.get("identity") or {}
        if identity.get("type") == "SystemAssigned":
            old = (before["body"].get("identity") or {}) if before else {}
            own = {"principalId": old.get("principalId") or str(uuid.uuid4()), "tenantId": self.world.tenant}
            body = {**body, "identity": {"type": "SystemAssigned", **own}}
        return super().put(resource, {**body, "properties": {**wanted, "isVaultProtectedByResourceGuard": False}}, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Removes an empty vault, and its policies with it."""
        if held := _inside(self, resource, INSTANCES):
            raise Refusal(400, "BackupVaultContainsBackupInstances", f"{resource.text} still protects {held[0]['body']['name']}")
        for each in _inside(self, resource, POLICIES):
            self.world.store.drop(each["id"].lower())
        return super().delete(resource, fault)

    def _refuse_change(self, resource: ResourceId, old: Body, new: Body) -> None:
        if new["storageSettings"] != old["storageSettings"] and _inside(self, resource, INSTANCES):
            raise bad_value("storageSettings", "the redundancy of a vault with something in it does not change")
        for name, last in FOR_GOOD.items():
            was, becomes = (((each.get("securitySettings") or {}).get(name) or {}).get("state") for each in (old, new))
            if was == last and becomes != last:
                raise bad_value(f"securitySettings.{name}.state", f"is {last} for good")


class BackupPolicies(Documents):
    """Policies: made and deleted, never changed, and not deleted while something follows them."""

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Keeps a policy for flexible servers."""
        wanted, before = body.get("properties") or {}, self.world.store.get(resource.key)
        if before is not None and {**before["body"]["properties"], **wanted} != before["body"]["properties"]:
            raise Refusal(400, "BackupPolicyUpdateNotSupported", f"the policy {resource.name} cannot be changed, only replaced by another")
        if wanted.get("datasourceTypes") != [DATASOURCE]:
            raise bad_value("datasourceTypes", f"only {DATASOURCE} is played")
        for rule in wanted.get("policyRules") or []:
            _check_schedule(rule)
        kept = long_term.told_by({"properties": wanted})
        if "Default" not in kept:
            raise bad_value("policyRules", "no rule says how long a copy without a tag is kept")
        for tag, duration in kept.items():
            days = long_term.days_of(duration)
            if days is None or not long_term.LEAST_DAYS <= days <= long_term.MOST_YEARS * 366:
                raise bad_value(f"policyRules.{tag}", f"{duration} is not between 7 days and 10 years")
        return super().put(resource, body, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Removes a policy that nothing follows."""
        vault = parse(resource.parent or "")
        for each in _inside(self, vault, INSTANCES):
            if each["body"]["properties"]["policyInfo"]["policyId"].lower() == resource.key:
                raise Refusal(400, "BackupPolicyInUse", f"the policy {resource.name} is followed by {each['body']['name']}")
        return super().delete(resource, fault)


class BackupInstances(Documents):
    """Servers in a vault."""

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Takes a server into the vault, or lets it follow another policy."""
        wanted = body.get("properties") or {}
        vault = self.record(parse(resource.parent or ""))
        server = self._server(wanted)
        if server["body"]["location"].replace(" ", "").lower() != vault["body"]["location"].replace(" ", "").lower():
            raise bad_value("dataSourceInfo.resourceLocation", "vault and server lie in different regions")
        policy = str((wanted.get("policyInfo") or {}).get("policyId", ""))
        if not (self.world.store.has(policy.lower()) and policy.lower().startswith(vault["id"].lower() + "/backuppolicies/")):
            raise bad_value("policyInfo.policyId", f"{policy or 'nothing'} is no policy of this vault")
        self._refuse_without_rights(vault, server)
        state = {"currentProtectionState": "ProtectionConfigured", "protectionStatus": {"status": "ProtectionConfigured"}}
        return super().put(resource, {**body, "properties": {**wanted, **state}}, fault)

    def _server(self, wanted: Body) -> Record:
        source = wanted.get("dataSourceInfo") or {}
        found = self.world.store.get(str(source.get("resourceID", "")).lower())
        if found is None or found["type"].lower() != SERVERS or source.get("datasourceType") != DATASOURCE:
            raise bad_value("dataSourceInfo.resourceID", f"{source.get('resourceID') or 'nothing'} is no flexible server")
        properties = found["body"]["properties"]
        if properties.get("replicationRole") == "AsyncReplica":
            raise bad_value("dataSourceInfo.resourceID", "a replica is not backed up")
        disk = properties["storage"]
        if disk.get("type") == storage.PREMIUM_V2 or disk["storageSizeGB"] > long_term.MOST_GIB:
            raise bad_value("dataSourceInfo.resourceID", f"a disk of {disk['storageSizeGB']} GiB of {disk.get('type') or 'Premium_LRS'}")
        return found

    def _refuse_without_rights(self, vault: Record, server: Record) -> None:
        principal = (vault["body"].get("identity") or {}).get("principalId")
        group = "/".join(server["id"].split("/")[:5])
        for role, scope in ((roles.READER, group), (roles.LONG_TERM_BACKUP, server["id"])):
            if principal is None or not any(_gives(each, str(principal), role, scope) for each in self.world.store.records()):
                words = f"the identity of {vault['body']['name']} has not the role {roles.NAMES[role]} on {scope}"
                raise Refusal(403, MISSING_RIGHT, words)


def _check_schedule(rule: dict[str, Any]) -> None:
    if rule.get("objectType") != "AzureBackupRule":
        return
    times = ((rule.get("trigger") or {}).get("schedule") or {}).get("repeatingTimeIntervals") or []
    if len(times) != 1 or not str(times[0]).endswith("/P1W"):
        raise bad_value("policyRules.trigger.schedule", "one copy a week is made, neither more nor fewer")


def _gives(record: Record, principal: str, role: str, scope: str) -> bool:
    """Whether this record is an assignment of the role on the scope, or on what it lies in."""
    if record["type"].lower() != ASSIGNMENTS:
        return False
    told = record["body"]["properties"]
    where = record["id"].lower().rsplit("/providers/microsoft.authorization/", 1)[0]
    covers = scope.lower() == where or scope.lower().startswith(where + "/")
    return bool(covers and told.get("principalId") == principal and str(told.get("roleDefinitionId", "")).lower().endswith(role))


def _inside(kind: Documents, vault: ResourceId, type_: str) -> list[Record]:
    prefix = vault.key + "/"
    return [each for each in kind.world.store.records() if each["type"].lower() == type_ and each["id"].lower().startswith(prefix)]
