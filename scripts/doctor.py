"""`agentmem doctor`: whether machine, subscription and region are ready for an `up`, with the command that mends each lack."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from infra.domain import names, offer, rights
from infra.domain.azure import skus
from infra.domain.environment import Environment
from infra.domain.problem import Invalid
from scripts.edges import arm, doctor_probe, screen, stack_file
from scripts.edges.exits import BAD, GOOD, REFUSED, Failure

PYTHON = (3, 11)
# The first engine that hands every error of the provider to the program's own hook.
PULUMI = (3, 244, 0)
INSTALL = "install Pulumi 3.244 or newer, or for a trial on this machine: make tools"
LOGIN = "pulumi login, or pulumi login --local for a trial"
SUBSCRIBE = 'export ARM_SUBSCRIPTION_ID="$(az account show --query id --output tsv)"'
ASSIGN = 'az role assignment create --role "{}" --assignee WHO --scope "/subscriptions/$ARM_SUBSCRIPTION_ID"'
RIGHTS = ASSIGN.format("Contributor")
# A Contributor may not lock; this role may do nothing else, an Owner and a User Access Administrator may too.
LOCKS = ASSIGN.format("Locks Contributor")
# Nor may a Contributor give the vault its roles; this role may give any, so it is taken away again afterwards.
GRANTS = ASSIGN.format("Role Based Access Control Administrator")
# What the program's resources belong to; those of the network, of containers inside it, and of a vault only where there are some.
PROVIDERS = ("Microsoft.DBforPostgreSQL", "Microsoft.OperationalInsights", "Microsoft.Insights")
NETWORK = "Microsoft.Network"
JOB = ("Microsoft.ManagedIdentity", "Microsoft.ContainerInstance")
VAULT = "Microsoft.DataProtection"
_RANKS = {(True, True): "ok", (True, False): "ok", (False, True): "wrong", (False, False): "not ok"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was looked at. Only one that is critical and not ok stops an `up`; the hint is the command that mends it."""

    name: str
    ok: bool
    detail: str
    critical: bool = True
    hint: str = ""


def doctor(stack: str, folder: Path, as_json: bool) -> int:
    """Look at everything and print a row for each; returns BAD if a critical one is not ok. Raises Invalid for a wrong stack file."""
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    rows = tuple(examine(loaded, loaded.environment, folder))
    wrong = sum(row.critical and not row.ok for row in rows)
    if as_json:
        screen.document("doctor", {"environment": stack, "ok": not wrong, "rows": [asdict(row) for row in rows]})
    else:
        for line in _lines(stack, rows, wrong):
            screen.say(line)
    return BAD if wrong else GOOD


def examine(loaded: stack_file.Loaded, environment: Environment, folder: Path) -> Iterator[Row]:
    """A row for each thing, this machine first and the region last."""
    yield _python()
    yield from _pulumi(loaded, folder)
    yield _password(loaded, environment)
    yield from _cloud(environment)


def _python() -> Row:
    has, wanted = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, PYTHON))
    hint = f"install Python {wanted} or newer, then: make PYTHON=/path/to/python{wanted} help"
    return _row("python", sys.version_info >= PYTHON, has, hint)


def _pulumi(loaded: stack_file.Loaded, folder: Path) -> Iterator[Row]:
    try:
        version = doctor_probe.pulumi_version()
    except Failure as failure:
        yield _row("pulumi", False, failure.fact, INSTALL)
        return
    if version is None:
        yield _row("pulumi", False, "no pulumi on PATH", INSTALL)
        return
    has, wanted = ".".join(map(str, version)), ".".join(map(str, PULUMI))
    yield _row("pulumi", version >= PULUMI, has if version >= PULUMI else f"{has} is older than {wanted}", INSTALL)
    yield from _backend(loaded, folder)


def _backend(loaded: stack_file.Loaded, folder: Path) -> Iterator[Row]:
    try:
        backend = doctor_probe.backend(folder)
    except Failure as failure:
        yield _row("backend", False, failure.fact, LOGIN)
        return
    if backend is None:
        yield _row("backend", False, "pulumi is not logged in", LOGIN)
        return
    yield _row("backend", True, f"{backend.url} as {backend.user}")
    own = sorted(set(loaded.lines) & stack_file.PULUMIS_OWN)
    hint = f"pulumi stack init {loaded.stack} --secrets-provider passphrase, or the address of a key instead of passphrase"
    says = (
        f"{', '.join(own)} in {loaded.path.name}" if own else "kept by the backend" if backend.keeps_secrets else "none in the stack file"
    )
    yield _row("secrets provider", bool(own) or backend.keeps_secrets, says, hint)


def _password(loaded: stack_file.Loaded, environment: Environment) -> Row:
    if not environment.access.password:
        return _row("password", True, "not needed, logins are Entra's alone")
    hint = f"pulumi config set --secret {stack_file.NAMESPACE}{stack_file.PASSWORD} --stack {loaded.stack}, which asks for it"
    return _row("password", loaded.password_is_set, "set" if loaded.password_is_set else "not set", hint)


def _cloud(environment: Environment) -> Iterator[Row]:
    """Without a subscription that answers, nothing more is asked."""
    try:
        azure = doctor_probe.azure()
        state = azure.subscription_state()
    except Failure as failure:
        unset_or_unknown = failure.code is BAD or not doctor_probe.names_subscription()
        yield _row("subscription", False, failure.fact, SUBSCRIBE if unset_or_unknown else _mends(failure))
        yield Row(name="region", ok=False, critical=False, detail="not asked: no subscription answers")
        return
    yield _row("subscription", state == "Enabled", state, f"another subscription: az account set --subscription NAME; {SUBSCRIBE}")
    wanted = PROVIDERS if environment.network.mode == "public" else (*PROVIDERS, NETWORK, *(JOB if environment.network.job else ()))
    for namespace in (*wanted, VAULT) if environment.backup.long_term else wanted:
        yield from _asked(namespace, partial(_provider, azure, namespace))
    yield from _asked("rights", partial(_rights, azure, environment))
    yield from _asked("server name", partial(_server_name, azure, environment))
    yield from _asked("region", partial(_region, azure, environment))
    yield from _asked("quota", partial(_quota, azure, environment))
    yield from _asked("replica", partial(_replica, azure, environment))


def _asked(name: str, ask: Callable[[], list[Row]]) -> list[Row]:
    """The rows, or one that tells why Azure did not answer."""
    try:
        return ask()
    except Failure as failure:
        return [_row(name, False, failure.fact, _mends(failure))]


def _mends(failure: Failure) -> str:
    """What Azure's refusal came with, else what its kind asks for."""
    if "LocationNotAvailable" in failure.fact:
        return "a location of: az account list-locations --query '[].name' --output tsv"
    return failure.hint or (RIGHTS if failure.code is REFUSED else "try again later")


def _provider(azure: doctor_probe.Azure, namespace: str) -> list[Row]:
    state = azure.registration(namespace)
    return [_row(namespace, state == "Registered", state, f"az provider register --namespace {namespace} --wait")]


def _rights(azure: doctor_probe.Azure, environment: Environment) -> list[Row]:
    lacking = rights.lacking(environment, azure.grants(names.resource_group(environment)))
    asked = sum(1 for _ in rights.wanted(environment))
    says = f"not allowed: {', '.join(lacking)}" if lacking else f"{asked} of {asked} operations are allowed"
    mends = {rights.LOCKS: LOCKS, rights.ASSIGNMENTS: GRANTS}
    hint = "; ".join(mends[action] for action in lacking) if set(lacking) <= set(mends) else RIGHTS
    return [_row("rights", not lacking, says, hint)]


def _server_name(azure: doctor_probe.Azure, environment: Environment) -> list[Row]:
    name, facts = environment.server.name, _own_server(environment)
    if facts is not None:
        return [_row("server name", True, f"{name} is ours already, {facts.state}")]
    refusal = azure.name_refusal(name)
    mends = f"agentmem init --stack {environment.name} --name ANOTHER; a deleted server keeps its name for days"
    return [_row("server name", refusal is None, refusal or f"{name} is free", mends)]


def _own_server(environment: Environment) -> arm.ServerFacts | None:
    """The environment's server as it is now, None before the first up."""
    try:
        return arm.connect().server(names.resource_group(environment), environment.server.name)
    except Failure as failure:
        if failure.code is not BAD:
            raise
        return None


def _region(azure: doctor_probe.Azure, environment: Environment) -> list[Row]:
    return _held(offer.hold(environment, azure.offer(environment.location)))


def _quota(azure: doctor_probe.Azure, environment: Environment) -> list[Row]:
    """What an existing server takes of the quota is its own, and is asked for again in the sum."""
    facts = _own_server(environment)
    sku = skus.find(facts.sku) if facts is not None else None
    had = sku.vcores * (2 if facts is not None and facts.availability_mode != "Disabled" else 1) if sku is not None else 0
    return _held(offer.hold_quota(environment, azure.usages(environment.location), had=had))


def _replica(azure: doctor_probe.Azure, environment: Environment) -> list[Row]:
    replica = environment.replica
    return _held(offer.hold_replica(environment, azure.offer(replica.location))) if replica is not None else []


def _held(held: Iterable[offer.Held]) -> list[Row]:
    return [Row(name=each.subject, ok=each.ok, detail=each.fact, critical=each.critical, hint=each.hint) for each in held]


def _row(name: str, ok: bool, detail: str, hint: str = "") -> Row:
    return Row(name=name, ok=ok, detail=detail, hint="" if ok else hint)


def _lines(stack: str, rows: tuple[Row, ...], wrong: int) -> Iterator[str]:
    yield from screen.table((_RANKS[row.ok, row.critical], row.name, row.detail) for row in rows)
    for row in rows:
        if row.hint:
            yield f"hint: {row.name}: {row.hint}"
    yield (
        f"{stack} is not ready for up: {wrong} of {len(rows)} {'stands' if wrong == 1 else 'stand'} in the way"
        if wrong
        else f"{stack} is ready for up"
    )
