"""The JSON schema of a stack file, made from the contract, so that editors complete and check it."""

from __future__ import annotations

from typing import Any

from infra.domain.environment import Environment

_PULUMIS_OWN = {
    "encryptionsalt": {"type": "string", "description": "Pulumi's own; written by it."},
    "secretsprovider": {"type": "string", "description": "Pulumi's own; written by it."},
    "encryptedkey": {"type": "string", "description": "Pulumi's own; written by it."},
}
_PASSWORD = {
    "type": "object",
    "description": "Set with `pulumi config set --secret`; never in clear.",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}


def stack_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of `Pulumi.<stack>.yaml`."""
    model = Environment.model_json_schema(by_alias=True)
    keys = {_qualified(name): value for name, value in model["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An environment of agent-memory",
        "type": "object",
        "additionalProperties": False,
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "additionalProperties": False,
                "required": list(keys),
                "properties": {**keys, "agent-memory:administrator_password": _PASSWORD},
            },
            **_PULUMIS_OWN,
        },
        "$defs": model["$defs"],
    }


def _qualified(name: str) -> str:
    return "azure-native:location" if name == "location" else f"agent-memory:{name}"
