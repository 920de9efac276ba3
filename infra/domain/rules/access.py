"""Rules on who administers a server, and by which names and keys."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

from infra.domain.azure import storage
from infra.domain.environment import Environment
from infra.domain.problem import Problem
from infra.domain.rules.availability import HOST_NAME, HOST_NAME_HINT
from infra.domain.rules.rule import Rule, refuse, warn

_KEY = re.compile(r"https://[a-zA-Z0-9-]+\.(vault|managedhsm)\.azure\.net/keys/[A-Za-z0-9-]+(/[0-9a-fA-F]{32})?/?")
# Slashes of https://vault/keys/name.
_VERSIONLESS = 4
_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.managedidentity/userassignedidentities/[^/]+", re.IGNORECASE
)
# Reserved by Azure (page and validators; azuresu is the service's own superuser on every server).
RESERVED_LOGINS = frozenset({"azure_superuser", "azure_pg_admin", "azuresu", "admin", "administrator", "root", "guest", "public"})
# Roles that post-provision makes.
OWN_ROLES = frozenset({"app_rw", "app_ro"})
RESERVED_DATABASES = frozenset({"azure_maintenance", "azure_sys", "postgres", "template0", "template1"})
_LOGIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
# Length, and how many of lower case, upper case, digits and signs (validators of az).
_PASSWORD_LENGTH, _PASSWORD_CLASSES = (8, 128), 3


def server_name(environment: Environment) -> Iterator[Problem]:
    """R20: a server name that Azure takes."""
    name = environment.server.name
    if not HOST_NAME.fullmatch(name):
        yield refuse(
            "R20",
            "server.name",
            f"is {name}, which Azure does not take",
            found=name,
            hint=HOST_NAME_HINT,
        )


def own_key(environment: Environment) -> Iterator[Problem]:
    """R8: a key, and a user-assigned identity that may use it."""
    chosen = environment.access.customer_managed_key
    if chosen is None:
        return
    pairs = (("key", chosen.key, "identity", chosen.identity), ("backup_key", chosen.backup_key, "backup_identity", chosen.backup_identity))
    for key_name, key, identity_name, identity in pairs:
        at = "access.customer_managed_key"
        if key is not None and not _KEY.fullmatch(key):
            yield refuse(
                "R8",
                f"{at}.{key_name}",
                f"is {key}, which is not the URI of a key in a vault",
                found=key,
                hint="https://VAULT.vault.azure.net/keys/NAME",
            )
        elif key is not None and key.rstrip("/").count("/") > _VERSIONLESS:
            says = "names a version: it does not rotate by itself, and when that version expires the server becomes inaccessible"
            yield warn("R8", f"{at}.{key_name}", says, found=key, hint="leave the version out")
        if identity is not None and not _IDENTITY.fullmatch(identity):
            says = f"is {identity}, which is not the id of a user-assigned identity: Azure takes no other for a key"
            yield refuse(
                "R8",
                f"{at}.{identity_name}",
                says,
                found=identity,
                hint="/subscriptions/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME",
            )


def backup_key(environment: Environment) -> Iterator[Problem]:
    """R8: geo-redundant backup wants a second key and another identity, in the paired region; without it there is none."""
    chosen, at = environment.access.customer_managed_key, "access.customer_managed_key"
    if chosen is None:
        return
    second = (("backup_key", chosen.backup_key), ("backup_identity", chosen.backup_identity))
    for name, value in second:
        if environment.backup.geo_redundant and value is None:
            says = "is null, but backup.geo_redundant is true: the copy in the paired region wants a key and an identity there, at creation"
            yield refuse("R8", f"{at}.{name}", says, hint="a key in a vault of the paired region, and a second identity that may use it")
        if not environment.backup.geo_redundant and value is not None:
            yield refuse("R8", f"{at}.{name}", "is set, but backup.geo_redundant is false", found=value, hint=f"{name}: null")
    if chosen.backup_identity is not None and chosen.backup_identity.lower() == chosen.identity.lower():
        yield refuse(
            "R8", f"{at}.backup_identity", "is the identity of the first key; Azure wants a different one", found=chosen.backup_identity
        )
    if chosen.backup_key is not None and chosen.backup_key == chosen.key:
        yield refuse("R8", f"{at}.backup_key", "is the first key; it must be one in a vault of the paired region", found=chosen.backup_key)


def key_on_second_generation(environment: Environment) -> Iterator[Problem]:
    """R8: whether own keys work on Premium SSD v2, Azure's pages do not agree."""
    if environment.access.customer_managed_key is not None and environment.storage.kind == storage.PREMIUM_V2:
        says = "is set with a Premium SSD v2, which one of Azure's pages calls unsupported"
        yield warn(
            "R8", "access.customer_managed_key", says, hint="try it with a server that can be thrown away; the choice is made at creation"
        )


def login(environment: Environment) -> Iterator[Problem]:
    """R20: an administrator's login that Azure takes and that is nobody else's."""
    name, key = environment.access.administrator, "access.administrator"
    if name is None:
        return
    if name.lower() in RESERVED_LOGINS or name.lower().startswith("pg_"):
        yield refuse(
            "R20",
            key,
            f"is {name}, which is reserved: Azure would refuse the server, and a login can never be changed",
            found=name,
            hint="for example cogadmin",
        )
    elif name in OWN_ROLES:
        yield refuse(
            "R20", key, f"is {name}, a role that post-provision makes for the application", found=name, hint="for example cogadmin"
        )
    elif not _LOGIN.fullmatch(name):
        yield refuse(
            "R20",
            key,
            f"is {name}, which Azure does not take",
            found=name,
            hint="1 to 63 letters, digits, _ and -, beginning with a letter or _",
        )


def authentication(environment: Environment) -> Iterator[Problem]:
    """R20: password logins have an administrator, Entra-only servers have none and somebody else."""
    access = environment.access
    if access.password and access.administrator is None:
        says = "is null, but access.password is true: a server with passwords needs a login at creation"
        yield refuse("R20", "access.administrator", says, hint="a login; or password: false with entra_administrators, for Entra only")
    if not access.password and access.administrator is not None:
        says = f"is {access.administrator}, but access.password is false: an Entra-only server takes no login at creation"
        yield refuse("R20", "access.administrator", says, found=access.administrator, hint="administrator: null")
    if not access.password and not access.entra_administrators:
        says = "is empty, but access.password is false: nobody could log in"
        yield refuse("R20", "access.entra_administrators", says, hint="at least one {object_id, principal_name, principal_type}")


def principals(environment: Environment) -> Iterator[Problem]:
    """R20: administrators of Entra ID are named by object id, each once."""
    seen: set[str] = set()
    for index, administrator in enumerate(environment.access.entra_administrators):
        key = f"access.entra_administrators[{index}].object_id"
        found = administrator.object_id
        if not _is_uuid(found):
            yield refuse("R20", key, f"is {found}, which is not an object id", found=found, hint="az ad user show --id NAME --query id")
        if found.lower() in seen:
            yield refuse("R20", key, f"is {found} a second time", found=found, hint="remove one of them")
        seen.add(found.lower())


def database_name(environment: Environment) -> Iterator[Problem]:
    """R20: a database of one's own."""
    name = environment.database.name
    if name in RESERVED_DATABASES or name.startswith("pg_"):
        yield refuse("R20", "database.name", f"is {name}, which belongs to the service", found=name, hint="for example zep")


def password_problem(password: str) -> Problem | None:
    """R20: what is wrong with an administrator's password, without showing it; None if nothing is."""
    low, high = _PASSWORD_LENGTH
    if not low <= len(password) <= high:
        return refuse("R20", "administrator_password", f"is too short or too long, Azure wants {low} to {high} characters")
    classes = sum(bool(re.search(pattern, password)) for pattern in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    if classes < _PASSWORD_CLASSES:
        return refuse("R20", "administrator_password", "is too simple, Azure wants three of lower case, upper case, digits and signs")
    return None


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


RULES = (
    Rule(
        "R8",
        "Own keys come with their identity, and a second pair for geo-redundant backup",
        "page on data encryption; validators of az",
        (own_key, backup_key, key_on_second_generation),
    ),
    Rule(
        "R20",
        "Names and logins are allowed, and somebody can log in",
        "validators of az and Terraform; page on Entra",
        (server_name, login, authentication, principals, database_name),
    ),
)
