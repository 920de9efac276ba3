"""What every resource kind stands on: the store, the operations, the clock, the servers behind, and the open questions as settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scripts.local_azure.operations import Operations, Pace
from scripts.local_azure.store import Store
from scripts.local_azure.times import Clock
from scripts.local_azure.trouble import Trouble

RECORDED_MINOR_VERSIONS = {"16": "11", "17": "9", "18": "4"}
"""Minor version by major as last recorded (wire/server.md 6); what a model without servers behind answers."""

GEO_VARIABLE = "AGENTMEM_LOCAL_AZURE_GEO"
"""What comes of a changed geo-redundancy flag: refuse (if not set), ignore or replace."""
ZONE_VARIABLE = "AGENTMEM_LOCAL_AZURE_ZONES"
"""What comes of a full update with other zones than the server has: refuse (if not set) or ignore."""


class Answer(StrEnum):
    """What may come of a change that nobody has recorded: each must be playable (azure-facts 3.2, 11.1 a)."""

    REFUSE = "refuse"
    IGNORE = "ignore"
    REPLACE = "replace"
    """The provider plans a replacement before Azure is asked; Azure itself, asked by anybody else, refuses."""


def _asked(variables: Mapping[str, str], name: str, known: tuple[Answer, ...], default: Answer) -> Answer:
    value = variables.get(name) or default.value
    if value not in known:
        raise Trouble(f"{name} is {value}, which is nothing that can be played", hint=f"one of {', '.join(known)}; without it, {default}")
    return Answer(value)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How open questions are played. Times are seconds; None takes the recorded value at Pace.RECORDED and a short one at Pace.FAST."""

    first_backup_seconds: float | None = None
    """From `createdAt` to the first automatic backup, until which `earliestRestoreDate` is absent."""
    zones_settle_seconds: float | None = None
    """How long both zones read the same after a SKU change of a zone-redundant server (wire/server.md 8)."""
    geo_flag_change: Answer = Answer.REFUSE
    stale_zone: Answer = Answer.REFUSE
    """A full PUT that carries other zones than the server has."""
    sku_change_swaps_zones: bool = True
    """True in 2026, false in 2021 (wire/older.md 1)."""
    first_zone: str = "1"

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Settings:
        """The settings that environment variables ask for. Raises Trouble for an answer that is none."""
        return cls(
            geo_flag_change=_asked(variables, GEO_VARIABLE, tuple(Answer), Answer.REFUSE),
            stale_zone=_asked(variables, ZONE_VARIABLE, (Answer.REFUSE, Answer.IGNORE), Answer.REFUSE),
        )

    def first_backup(self, pace: Pace) -> float:
        """6 min 34 s recorded (wire/backup.md 2)."""
        return self._either(self.first_backup_seconds, 394.0, 0.3, pace)

    def zones_settle(self, pace: Pace) -> float:
        """Seen equal at once and exchanged 3 min 17 s later (wire/server.md 8)."""
        return self._either(self.zones_settle_seconds, 197.0, 0.2, pace)

    @staticmethod
    def _either(own: float | None, recorded: float, fast: float, pace: Pace) -> float:
        return own if own is not None else recorded if pace is Pace.RECORDED else fast


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may reach a server: what the gateway in front of it enforces. `ranges` are (first, last) IPv4 addresses of the firewall rules.

    `private_network`: it lies in one, or has an approved private endpoint. `pooled`: PgBouncer is on, so port 6432 answers
    too. `tls_minimum` is the value of ssl_min_protocol_version.
    """

    public: bool
    private_network: bool
    encrypted_only: bool
    tls_minimum: str
    pooled: bool
    ranges: tuple[tuple[str, str], ...]


class Backend(Protocol):
    """The real servers behind the model, by server name. A method that cannot do its work raises; a Refusal tells the client why."""

    @property
    def minor_versions(self) -> Mapping[str, str]:
        """The majors that can be played, each with its minor version."""

    def create_server(self, name: str, version: str, login: str | None, password: str | None, access: Access) -> None:
        """A new empty server, running and reachable when this returns."""

    def resume_server(self, name: str, access: Access, running: bool, entra: Mapping[str, str]) -> None:
        """At load: takes up a server of an earlier process, started if `running`. `entra`: role names by object id."""

    def delete_server(self, name: str) -> None:
        """Removes server and data; nothing to do for a server that was never made."""

    def start(self, name: str) -> None:
        """Starts a stopped server."""

    def stop(self, name: str) -> None:
        """Stops a server; its data stays."""

    def restart(self, name: str) -> None:
        """Stops and starts, so that static parameters take effect."""

    def set_password(self, name: str, login: str, password: str) -> None:
        """Gives the administrator another password."""

    def apply_parameters(self, name: str, values: Mapping[str, str | None]) -> None:
        """Writes server parameters (None: back to the server's own default) and reloads; static ones wait for a restart."""

    def create_database(self, name: str, database: str, collation: str) -> None:
        """Creates a database in UTF8, owned by the administrator."""

    def drop_database(self, name: str, database: str) -> None:
        """Drops a database with its connections."""

    def set_access(self, name: str, access: Access) -> None:
        """Who may connect from now on."""

    def add_entra_role(self, name: str, role: str, object_id: str) -> None:
        """A login role with the administrator's rights for an Entra principal."""

    def drop_entra_role(self, name: str, role: str) -> None:
        """Takes the role away again."""

    def hosts(self) -> Mapping[str, str]:
        """Where each server listens: host name -> "address:port"."""

    def close(self) -> None:
        """Stops everything that runs; data stays."""


class NoServers:
    """A backend without servers: for tests of what the model alone decides."""

    minor_versions: Mapping[str, str] = RECORDED_MINOR_VERSIONS

    def create_server(self, name: str, version: str, login: str | None, password: str | None, access: Access) -> None: ...
    def resume_server(self, name: str, access: Access, running: bool, entra: Mapping[str, str]) -> None: ...
    def delete_server(self, name: str) -> None: ...
    def start(self, name: str) -> None: ...
    def stop(self, name: str) -> None: ...
    def restart(self, name: str) -> None: ...
    def set_password(self, name: str, login: str, password: str) -> None: ...
    def apply_parameters(self, name: str, values: Mapping[str, str | None]) -> None: ...
    def create_database(self, name: str, database: str, collation: str) -> None: ...
    def drop_database(self, name: str, database: str) -> None: ...
    def set_access(self, name: str, access: Access) -> None: ...
    def add_entra_role(self, name: str, role: str, object_id: str) -> None: ...
    def drop_entra_role(self, name: str, role: str) -> None: ...
    def close(self) -> None: ...

    def hosts(self) -> Mapping[str, str]:
        """Nothing listens."""
        return {}


@dataclass(frozen=True, kw_only=True)
class World:
    """All of it in one hand."""

    subscription: str
    tenant: str
    store: Store
    operations: Operations
    backend: Backend
    clock: Clock
    pace: Pace
    settings: Settings
