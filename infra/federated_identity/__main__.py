"""A Pulumi program of its own: the identities with which GitHub's workflows log in, for one environment, with no stored secret.

The stack's name is the environment's. `apply` may change what is in the environment's group and its locks, for jobs of the GitHub
environment of that name, which has reviewers; `read` may only look, for jobs of NAME-read. Where portable copies are kept in Blob
Storage, `copies` may write and delete them and note them in the ledger, for jobs of NAME-copies; `drill` may read them and write the
ledger, for jobs of NAME-drill: neither has a right on anything else in Azure. All live in a group of their own: whoever
may change the environment's group must not be able to write himself another login. The group must be there: a first up makes it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity, resources

ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "api://AzureADTokenExchange"
# Azure's own roles have the same ids everywhere.
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
# What Contributor leaves out and `guard.lock` needs: locks, and nothing else of Microsoft.Authorization.
LOCKS = tuple(f"Microsoft.Authorization/locks/{verb}" for verb in ("read", "write", "delete"))
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+")
_RESOURCE = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/.+")
_CONTAINER = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/Microsoft\.Storage/storageAccounts/[^/]+"
    r"/blobServices/default/containers/[^/]+"
)


_KEYS = ("repository", "resource_group", "state_storage", "key_vault", "copies_container", "ledger_container")


@dataclass(frozen=True)
class Settings:
    """What the stack's configuration says: whose workflows, which group, where Pulumi keeps state and key ("" for neither).

    `copies` and `ledger` are containers of Blob Storage, both or neither.
    """

    repository: str
    group: str
    state: str
    vault: str
    copies: str
    ledger: str


@dataclass(frozen=True)
class Right:
    """A role at a scope, both as resource ids; `name` says in the state what it is for. A role `made` here must be there first."""

    name: str
    scope: str
    role: str
    made: pulumi.Resource | None = None


def settings() -> Settings:
    """The configuration of this stack; raises RunError with every mistake in it."""
    config = pulumi.Config()
    found = Settings(*(config.get(key) or "" for key in _KEYS))
    wrong = []
    if not _REPOSITORY.fullmatch(found.repository):
        wrong.append(f"repository is {found.repository!r}, not OWNER/NAME")
    if not found.group:
        wrong.append("resource_group is not set: the group of the environment, for example rg-zepmem-prod")
    wrong += [f"{key} is no resource id: {value}" for key, value in (("state_storage", found.state), ("key_vault", found.vault))
              if value and not _RESOURCE.fullmatch(value)]  # fmt: skip
    wrong += _of_copies(found)
    if wrong:
        raise pulumi.RunError("; ".join(wrong))
    return found


def _of_copies(found: Settings) -> list[str]:
    """What is wrong with the places of copies and ledger: a right on less than a container cannot be given, and on more is too much."""
    places = {"copies_container": found.copies, "ledger_container": found.ledger}
    if bool(found.copies) != bool(found.ledger):
        return ["copies_container and ledger_container go together: a copy is noted, and its proof beside it"]
    wrong = []
    for key, value in places.items():
        container = _CONTAINER.fullmatch(value)
        if value and not container:
            wrong.append(f"{key} is no id of a container of Blob Storage: {value}")
        elif container and container["group"].lower() == found.group.lower():
            wrong.append(f"{key} lies in {found.group}: whoever may change the environment could delete its copies with it")
    if found.copies and found.copies.lower() == found.ledger.lower():
        wrong.append("copies_container and ledger_container are one: whoever notes a proof could delete the copy")
    return wrong


class Login(pulumi.ComponentResource):
    """An identity that one GitHub environment may log in as, and what it may do."""

    def __init__(self, name: str, environment: str, group: pulumi.Input[str], told: Settings, rights: Sequence[Right]) -> None:
        super().__init__("agent-memory:identity:Login", name)
        inside = pulumi.ResourceOptions(parent=self)
        self.identity = managedidentity.UserAssignedIdentity(
            name, resource_group_name=group, resource_name_=f"id-{told.group}-{name}", opts=inside
        )
        managedidentity.FederatedIdentityCredential(
            f"{name}-github",
            resource_group_name=group,
            resource_name_=self.identity.name,
            federated_identity_credential_resource_name=f"github-{environment}",
            issuer=ISSUER,
            audiences=[AUDIENCE],
            subject=f"repo:{told.repository}:environment:{environment}",
            opts=inside,
        )
        for right in rights:
            authorization.RoleAssignment(
                f"{name}-{right.name}",
                # The same name each time: an assignment that was lost from the state is met again, not doubled.
                role_assignment_name=_steady(right.scope, told.group, name, right.role),
                scope=right.scope,
                role_definition_id=right.role,
                principal_id=self.identity.principal_id,
                principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[right.made] if right.made else []),
            )
        self.register_outputs({})


def _steady(*parts: str) -> str:
    """An id of Azure's form that follows from the parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(parts)))


def lock_keeper(group: str, scope: str, subscription: str) -> Right:
    """The right to set and lift the locks of one group, as a role that Azure does not have."""
    identifier = _steady(scope, "locks")
    made = authorization.RoleDefinition(
        "locks",
        role_definition_id=identifier,
        role_name=f"Locks of {group}",
        description="Sets and lifts the locks of one resource group.",
        scope=scope,
        assignable_scopes=[scope],
        permissions=[authorization.PermissionArgs(actions=list(LOCKS))],
    )
    return Right("locks", scope, _role(subscription, identifier), made)


def _role(subscription: str, identifier: str) -> str:
    return f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{identifier}"


def main() -> None:
    """The identities of one environment, and the ids that its variables at GitHub take."""
    told, environment = settings(), pulumi.get_stack()
    account = authorization.get_client_config()
    subscription = f"/subscriptions/{account.subscription_id}"
    scope = f"{subscription}/resourceGroups/{told.group}"
    group = resources.ResourceGroup("identities", resource_group_name=f"{told.group}-identities")

    def rights(of_group: str, of_state: str) -> list[Right]:
        wanted = (("group", scope, of_group), ("state", told.state, of_state), ("key", told.vault, CRYPTO_USER))
        return [Right(name, where, _role(subscription, role)) for name, where, role in wanted if where]

    changes = [*rights(CONTRIBUTOR, BLOB_CONTRIBUTOR), lock_keeper(told.group, scope, subscription)]
    logins = {
        "apply": Login("apply", environment, group.name, told, changes),
        "read": Login("read", f"{environment}-read", group.name, told, rights(READER, BLOB_READER)),
    }
    if told.copies:
        for name, of_copies in (("copies", BLOB_CONTRIBUTOR), ("drill", BLOB_READER)):
            kept = [("copies", told.copies, of_copies), ("ledger", told.ledger, BLOB_CONTRIBUTOR)]
            given = [Right(what, where, _role(subscription, role)) for what, where, role in kept]
            logins[name] = Login(name, f"{environment}-{name}", group.name, told, given)
    for name, login in logins.items():
        pulumi.export(f"{name}_client_id", login.identity.client_id)
    pulumi.export("tenant_id", account.tenant_id)
    pulumi.export("subscription_id", account.subscription_id)


main()
