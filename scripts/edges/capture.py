"""Captures the registrations of the Pulumi program: the exact requests, without an engine, a CLI or credentials.

The program runs in this process against a resource monitor of ours. UNKNOWN answers like a first preview (no ids, apply
bodies are skipped), RESOLVED answers with the ids that Azure will give, and with a provider every resource is really
created there and the program sees what the provider answered. Importing this module loads no Pulumi; `capture` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from infra.domain.azure.arm_ids import NO_SUBSCRIPTION
from infra.domain.registrations import Plan

PROJECT = "agent-memory"
PASSWORD_KEY = f"{PROJECT}:administrator_password"
SECRET_KEYS = (PASSWORD_KEY,)
# Takes the place of a secret, so that a plan needs no passphrase; long and mixed enough for Azure's password rules.
MARKER = "Made-up-marker-0-never-a-password"
PROGRAM = Path(__file__).resolve().parents[2] / "infra" / "__main__.py"


class Mode(StrEnum):
    """What the program learns about what it registers: UNKNOWN nothing yet, RESOLVED ids and names as Azure will give them."""

    UNKNOWN = "unknown"
    RESOLVED = "resolved"


class Provider(Protocol):
    """A Pulumi resource provider: a gRPC `ResourceProviderStub`, or a servicer whose context argument has a default."""

    def Configure(self, request: Any) -> Any: ...
    def Check(self, request: Any) -> Any: ...
    def Create(self, request: Any) -> Any: ...
    def Invoke(self, request: Any) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Event:
    """For a progress bar: a resource is being made, or is there; `seconds` is what it took."""

    kind: Literal["started", "done"]
    urn: str
    type: str
    name: str
    seconds: float = 0.0


def capture(
    project: str,
    stack: str,
    config: Mapping[str, str],
    secret_keys: Collection[str] = SECRET_KEYS,
    *,
    mode: Mode = Mode.UNKNOWN,
    provider: Provider | None = None,
    on_event: Callable[[Event], None] | None = None,
    program: Path = PROGRAM,
    subscription: str = NO_SUBSCRIPTION,
) -> Plan:
    """Run `program` as stack `stack` and return what it registers.

    `config` has Pulumi's keys and spelling (`configuration_of` makes it); those of `secret_keys` are secrets to the program.
    With `provider` every custom resource is created there before the program goes on, and `mode` has no say. Raises what the
    program raises (Invalid stays Invalid), and exits.Failure for a resource that the provider refuses.
    """
    from scripts.edges import run
    from scripts.edges.monitor import Monitor

    answers = _answers(mode, provider, on_event, config, subscription)
    monitor = Monitor(project, stack, answers)
    run.program(program, monitor, config, secret_keys, dry_run=provider is None)
    return monitor.plan


def configuration_of(values: Mapping[str, object], secrets: Mapping[str, str] | None = None, project: str = PROJECT) -> dict[str, str]:
    """The values of a stack file as Pulumi delivers them: text, objects as JSON, null as "".

    Keys may have their namespace or not (`location` is the provider's, everything else the project's). `secrets` are real
    values for secret keys, by default the administrator's password is MARKER; what the file holds for them is not used.
    """
    plain = {_qualified(key, project): _delivered(value) for key, value in values.items()}
    given = {_qualified(key, project): value for key, value in (secrets or {}).items()}
    return {**plain, f"{project}:administrator_password": MARKER, **given}


def _answers(
    mode: Mode, provider: Provider | None, on_event: Callable[[Event], None] | None, config: Mapping[str, str], subscription: str
) -> Any:
    from scripts.edges.monitor import Resolving, Unknowing

    if provider is None:
        return Resolving(subscription) if mode is Mode.RESOLVED else Unknowing(subscription)
    from scripts.edges.provider_client import Creating, configured

    return Creating(provider, configured(provider, config), on_event)


def _qualified(key: str, project: str) -> str:
    if ":" in key:
        return key
    return f"azure-native:{key}" if key == "location" else f"{project}:{key}"


def _delivered(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
