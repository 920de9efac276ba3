"""What the Pulumi engine tells while it works: one JSON document a line of `pulumi up --json`, read into steps and a failure.

The engine sends the same events to its own display. Its lines for debugging are among them, and are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scripts.edges.exits import BAD, Failure

# The last word of an engine that has said the cause before.
_LAST_WORDS = ("update failed", "preview failed")
_HINT = "hint: "


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a preview or an update; `custom` says that something in the cloud stands behind the resource."""

    operation: str
    urn: str
    custom: bool

    @property
    def type(self) -> str:
        """The type token, `azure-native:dbforpostgresql:Server`."""
        return self.urn.split("::")[2].rsplit("$", 1)[-1]

    @property
    def kind(self) -> str:
        """The last part of the type token, `Server`."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.split("::", 3)[-1]


@dataclass(frozen=True, kw_only=True)
class Event:
    """For a progress bar: a step has begun, has ended, or has failed."""

    kind: Literal["started", "done", "failed"]
    step: Step

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.step.name


_KINDS: Mapping[str, Literal["started", "done", "failed"]] = {
    "resourcePreEvent": "started",
    "resOutputsEvent": "done",
    "resOpFailedEvent": "failed",
}


@dataclass
class Tale:
    """All that one run of the engine has told so far."""

    errors: list[str] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)

    def hear(self, line: str) -> Event | None:
        """Take in one line of output; the step that it is about, if it is about one. A line that is no event is passed over."""
        told = _document(line)
        diagnostic = told.get("diagnosticEvent")
        if diagnostic is not None:
            self.complain([diagnostic])
        self.changes.update(told.get("summaryEvent", {}).get("resourceChanges", {}))
        for name, kind in _KINDS.items():
            if name in told:
                return Event(kind=kind, step=_step(told[name]["metadata"]))
        return None

    def complain(self, diagnostics: Iterable[Mapping[str, Any]]) -> None:
        """Keep what is an error among the diagnostics of a preview or of an event."""
        for diagnostic in diagnostics:
            if diagnostic.get("severity") == "error":
                text = str(diagnostic["message"]).removeprefix("error: ").strip()
                urn = diagnostic.get("urn", "")
                name = "" if not urn or ":Stack::" in urn else urn.split("::", 3)[-1]
                self.errors.append(f"{name}: {text}" if name and not text.startswith(name) else text)

    def failure(self, what: str, said: str) -> Failure:
        """The Failure of an engine that did not end well: its own errors, else what it `said` elsewhere."""
        errors = [error for error in self.errors if error not in _LAST_WORDS] or self.errors or [_last_error(said)]
        lines = [line.strip() for error in dict.fromkeys(errors) for line in error.splitlines() if line.strip()]
        facts = [line for line in lines if not line.startswith(_HINT)]
        hints = [line.removeprefix(_HINT) for line in lines if line.startswith(_HINT)]
        return Failure(BAD, f"pulumi {what} failed: {'; '.join(facts)}", hint="; ".join(hints))


def steps_of(document: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps of `pulumi preview --json`."""
    return tuple(
        Step(
            operation=step["op"],
            urn=step["urn"],
            custom=bool((step.get("newState") or step.get("oldState") or {}).get("custom")),
        )
        for step in document.get("steps", ())
    )


def _step(metadata: Mapping[str, Any]) -> Step:
    state = metadata.get("new") or metadata.get("old") or {}
    return Step(operation=metadata["op"], urn=metadata["urn"], custom=bool(state.get("custom")))


def _document(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _last_error(said: str) -> str:
    """What the engine wrote for a person, from its first error on."""
    start = said.find("error: ")
    return said[start:].removeprefix("error: ").strip() if start >= 0 else said.strip() or "it said nothing"
