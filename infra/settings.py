"""The settings of a stack: the only reader of Pulumi's configuration, which it hands to the domain whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi.runtime import config as runtime_config

from infra.domain.check import judge
from infra.domain.environment import Environment
from infra.domain.parsing import legible, parse
from infra.domain.problem import Invalid, Problem, Severity

NAMESPACE = "agent-memory"
LOCATION = "azure-native:location"
PASSWORD = "administrator_password"
# Older engines hand only some of the provider's errors to the hook that waits for a busy server.
OLDEST_ENGINE = ">=3.244.0"
_SET_PASSWORD = f"pulumi config set --secret {NAMESPACE}:{PASSWORD}"
# What the engine itself may hand on, for example pulumi:tags.
_ENGINE = "pulumi:"


class Refused(Invalid, pulumi.RunError):
    """Invalid as Pulumi likes it: the engine prints the Problems alone, without a stack trace."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one stack declares. The password is a Pulumi secret, and there is one only where logins by password are allowed."""

    environment: Environment
    administrator_password: pulumi.Output[str] | None
    problems: tuple[Problem, ...]


def read() -> Settings:
    """The settings of the running stack.

    Raises Refused for a configuration that is no Environment. A missing password is a Problem in `.problems`, so that
    the caller can report it together with what the rules find.
    """
    found = _all_keys()
    foreign = (*_renamed(), *_foreign(found))
    clear = tuple(_in_clear(found))
    try:
        environment = parse(_values(found), pulumi.get_stack())
    except Invalid as invalid:
        raise Refused((*invalid.problems, *foreign, *clear, *_judged(found))) from None
    password = pulumi.Config(NAMESPACE).get_secret(PASSWORD) if environment.access.password else None
    missing = tuple(_missing(found)) if environment.access.password else ()
    return Settings(environment=environment, administrator_password=password, problems=(*foreign, *clear, *missing))


def require_engine() -> None:
    """Raises RunError, which the engine prints without a stack trace, for an engine that is too old."""
    try:
        pulumi.require_pulumi_version(OLDEST_ENGINE)
    except Exception as error:  # the SDK has no class of its own for it
        raise pulumi.RunError(f"{error}\nhint: a newer Pulumi; agentmem doctor looks at the rest too") from None


def _judged(found: Mapping[str, str]) -> tuple[Problem, ...]:
    """What the rules say of a configuration with misspelt keys, so that one run tells everything."""
    readable = legible(_values(found), pulumi.get_stack())
    return tuple(problem for problem in judge(readable) if problem.severity is Severity.REFUSE) if readable is not None else ()


def _all_keys() -> Mapping[str, str]:
    """Every key of the run. `pulumi.Config` can only be asked for known keys, and a misspelt one must not go unseen."""
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


def _values(found: Mapping[str, str]) -> dict[str, object]:
    """The keys of the contract without their namespace; never the password."""
    own = {key.removeprefix(f"{NAMESPACE}:"): value for key, value in found.items() if key.startswith(f"{NAMESPACE}:")}
    values: dict[str, object] = {key: _decoded(value) for key, value in own.items() if key != PASSWORD}
    return {**values, "location": _decoded(found[LOCATION])} if LOCATION in found else values


def _decoded(value: str) -> object:
    """What Pulumi made text of: null became "" (and "null" in versions to come, says Pulumi), objects and lists JSON; else it is text."""
    if value in ("", "null"):
        return None
    if not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value  # text that merely begins like an object; the contract says what it should have been


def _renamed() -> list[Problem]:
    """Under another name of the project Pulumi knows none of its stacks, and plans to create what is there already."""
    if pulumi.get_project() == NAMESPACE:
        return []
    message = f"name is {pulumi.get_project()} in Pulumi.yaml, the stacks belong to {NAMESPACE}"
    return [Problem(key="name", message=message, rule="C1", hint=f"name: {NAMESPACE}")]


def _foreign(found: Mapping[str, str]) -> list[Problem]:
    """Keys of nobody: neither the contract's nor the engine's own. The scripts refuse the same in the file."""
    hint = f"keys of the contract begin with {NAMESPACE}:; a subscription comes from ARM_SUBSCRIPTION_ID"
    foreign = [key for key in found if key != LOCATION and not key.startswith((f"{NAMESPACE}:", _ENGINE))]
    return [Problem(key=key, message=f"{key} is not a key of the contract", rule="C1", hint=hint) for key in foreign]


def _in_clear(found: Mapping[str, str]) -> list[Problem]:
    """A password that is no secret has been seen: by the file, the history, and everybody who reads them."""
    key = f"{NAMESPACE}:{PASSWORD}"
    if key not in found or runtime_config.is_config_secret(key):
        return []
    hint = f"{_SET_PASSWORD}, and a new one: this one has been seen"
    return [Problem(key=PASSWORD, message=f"{PASSWORD} is set in clear", rule="C8", hint=hint)]


def _missing(found: Mapping[str, str]) -> list[Problem]:
    if found.get(f"{NAMESPACE}:{PASSWORD}"):
        return []
    message = f"{PASSWORD} is not set, but access.password is true"
    return [Problem(key=PASSWORD, message=message, rule="C9", hint=f"{_SET_PASSWORD}, or access.password: false with Entra administrators")]
