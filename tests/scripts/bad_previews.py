"""Documents that `agentmem preview` must not trust, and somebody who shows them to it: shared by the tests of bad input."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.domain.registrations import Plan
from scripts.edges.exits import BAD, Failure
from scripts.preview import Sources, run
from tests.infra.plans import GOLDEN, SERVER

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
CIPHERTEXT, CLEAR = "v1:dGhlLWNpcGhlcnRleHQ=", "Swordfish-0-in-clear"
SEALED = {SIGNATURE: SECRET, "ciphertext": CIPHERTEXT}
OPEN = {SIGNATURE: SECRET, "plaintext": json.dumps(CLEAR)}
OUTPUT = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": CLEAR, "secret": True}
THING = "a:b:Thing"


class Judge:
    """Shows a document to the verb as dev's; `said` is what it wrote."""

    def __init__(self, folder: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.root, self.capsys, self.said = folder / "given.json", root, capsys, ""

    def __call__(self, document: Any, kind: str = "engine_preview", form: str = "json") -> tuple[int, dict[str, Any]]:
        """The exit code and the JSON report ({} in another form)."""
        self.path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        source: dict[str, Any] = {kind: self.path}
        try:
            code = run(["dev"], self.root, Sources(**source), form=form, output=None)
        finally:
            self.said = self.capsys.readouterr().out
        return code, json.loads(self.said) if form == "json" else {}

    def refuses(self, document: Any, says: str, kind: str = "engine_preview") -> None:
        """It must be a failure with these words, and a report that stops."""
        with pytest.raises(Failure, match=says) as raised:
            self(document, kind)
        assert raised.value.code == BAD
        written = json.loads(self.said)
        assert (written["worst"], written["stops"]) == ("unknown", True)


def urn_of(type_: str, name: str, stack: str = "dev") -> str:
    """The URN of a resource directly under the stack."""
    return f"urn:pulumi:{stack}::agent-memory::{type_}::{name}"


def state(type_: str, name: str, inputs: Any, **more: Any) -> dict[str, Any]:
    """A resource as the engine keeps it."""
    return {"urn": urn_of(type_, name), "type": type_, "custom": True, "inputs": inputs, **more}


def step(op: str, old: dict[str, Any] | None, new: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A step of a preview."""
    return {"op": op, "urn": (new or old or {})["urn"], "oldState": old, "newState": new, **more}


def digest(*steps: Any, **more: Any) -> dict[str, Any]:
    """A preview as `pulumi preview --json` writes it."""
    return {"steps": list(steps), "changeSummary": {"same": 1}, **more}


@cache
def server() -> dict[str, Any]:
    """The inputs of dev's server, as a preview of the engine has them."""
    plan = Plan.from_json((GOLDEN / "dev.json").read_text(encoding="utf-8"))
    return dict(plan.find(SERVER).inputs)


def server_step(op: str = "update", *, of: Any = None, to: Any = None, **more: Any) -> dict[str, Any]:
    """A step of dev's server, from and to these inputs; without them as it is."""
    type_ = "azure-native:dbforpostgresql:Server"
    old, new = (state(type_, SERVER, server() if inputs is None else inputs) for inputs in (of, to))
    return step(op, old, new, **more)


def everywhere(value: Any, secret: Any) -> Any:
    """Every value of the inputs replaced by the secret, and one more inside a list and a map."""
    return {**dict.fromkeys(value, secret), "list": [secret, [secret]], "map": {"x": {"y": secret}}}
