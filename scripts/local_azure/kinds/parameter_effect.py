"""What a server parameter does on the local Azure: applied to PostgreSQL, enforced by the gateway, or kept and answered only.

PostgreSQL's side of this (what is never handed to it) stands in `server_settings`; this joins it with the gateway's and the service's.
A parameter is applied when PostgreSQL itself knows it and nothing below says otherwise. Only values that somebody set are applied:
the defaults of a SKU (a quarter of 16 GiB for shared_buffers) are answered and never forced on the machine at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from scripts.local_azure.server_settings import ALLOW_LIST, KEPT


class Effect(StrEnum):
    """Where the value of a parameter arrives."""

    APPLIED = "applied"
    GATEWAY = "gateway"
    MODELLED = "modelled"


GATEWAY = frozenset({"require_secure_transport", "ssl_min_protocol_version", "pgbouncer.enabled"})
"""The embedded PostgreSQL is built without TLS: the gateway in front of it does this. The pooled port goes straight through."""

_SINCE_17 = "PostgreSQL knows it from 17 on"
_AZURE = "a feature of the service, not of PostgreSQL"

MODELLED: Mapping[str, str] = {
    "commit_timestamp_buffers": _SINCE_17,
    "enable_group_by_reordering": _SINCE_17,
    "event_triggers": _SINCE_17,
    "multixact_member_buffers": _SINCE_17,
    "multixact_offset_buffers": _SINCE_17,
    "notify_buffers": _SINCE_17,
    "serializable_buffers": _SINCE_17,
    "subtransaction_buffers": _SINCE_17,
    "sync_replication_slots": _SINCE_17,
    "transaction_buffers": _SINCE_17,
    "transaction_timeout": _SINCE_17,
    "ssl_max_protocol_version": "PostgreSQL is built without TLS, and the gateway offers all versions above the least",
    "intelligent_tuning": _AZURE,
    **KEPT,
}
"""Dot-free parameters that are kept and answered only, each with the reason. With a dot, all but the allow-list are modelled too."""


def effect(name: str) -> Effect:
    """Where the value of this parameter arrives; the name as Azure spells it."""
    if name in GATEWAY:
        return Effect.GATEWAY
    if name == ALLOW_LIST:
        return Effect.APPLIED
    return Effect.MODELLED if "." in name or name in MODELLED else Effect.APPLIED


def why_modelled(name: str) -> str:
    """The reason for a modelled parameter; empty for one that arrives."""
    if effect(name) is not Effect.MODELLED:
        return ""
    return MODELLED.get(name) or ("PgBouncer is not there" if name.startswith("pgbouncer.") else f"{name.split('.')[0]} is not there")
