"""What a killed engine leaves in a stack's state: its lock, and creations of which nobody knows whether they happened.

A creation is settled by writing it into the state under the id that Azure gives, and by a refresh of those alone: the engine asks the
provider, keeps what is there and drops what is not. What is open is noted in a file beside the project until that has ended, so this may
be cut off anywhere and run again. The engine's own `refresh --import-pending-creates` is not used: 3.259 forgot what it was told, and
took over nothing (seen); its `stack import` forgets all that is open.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.domain.azure.arm_ids import arm_id
from scripts.edges import pulumi_cli
from scripts.edges.exits import BAD, CONFIGURATION, Failure

# A refresh asks Azure for every resource, a second each at worst, and eight at a time.
_SECONDS = 600.0
_INSTALL = "install Pulumi 3.244 or newer, or for a trial on this machine: make tools"
_HELD = re.compile(r"created by (?P<user>.+?)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)")
# What the service says instead; who it is can be seen in its console only.
_CONFLICT = "Another update is currently in progress"
_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)")
# They are written over, never created, so that none is ever in the way of an `up`.
_WRITTEN_OVER = ("azure-native:dbforpostgresql:Configuration", "azure-native:storage:BlobServiceProperties")


class Locked(Exception):
    """The stack is locked. `.holders` may be empty, where the backend does not say who it is."""

    def __init__(self, holders: tuple[Holder, ...]) -> None:
        super().__init__("the stack is locked")
        self.holders = holders


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who locked a stack: user, host, process id there, and since when."""

    user: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}) since {self.since}"

    @property
    def runs(self) -> bool | None:
        """Whether that process is at work; None if it is on another machine."""
        return _runs(self.pid) if self.host == socket.gethostname() else None


@dataclass(frozen=True, kw_only=True)
class Unsettled:
    """A step that began and of which no end is known. `id` is the one that Azure gives, None where it cannot be told."""

    urn: str
    operation: str
    id: str | None
    in_azure: bool

    @property
    def creates(self) -> bool:
        """Whether it would make something in Azure: a component or a provider is there in the state only."""
        return self.operation == "creating" and self.in_azure

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.split("::", 3)[-1]


class StackState:
    """The state of one stack in the backend that Pulumi is logged in to. Its methods raise Failure, and Locked where they write."""

    def __init__(self, folder: Path, stack: str, environment: Mapping[str, str] | None = None) -> None:
        """For the project in `folder`; `environment` is what the engine gets instead of ours."""
        given = os.environ if environment is None else environment
        chosen = pulumi_cli.choose(given, folder / ".tools" / "bin")
        if isinstance(chosen, str):
            raise Failure(CONFIGURATION, chosen, hint=_INSTALL)
        self.stack, self._folder = stack, folder
        self._environment = {**given, "PATH": chosen.path, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        # The one that the provider would take.
        self.subscription = self._environment.get("ARM_SUBSCRIPTION_ID", "")
        self._command = pulumi_cli.found(self._environment) or "pulumi"

    def read(self) -> dict[str, Any]:
        """The whole state, as `pulumi stack export` writes it; secrets are ciphertext. With what an earlier `settle` left open."""
        found: dict[str, Any] = json.loads(self._done("stack", "export"))
        noted = json.loads(self._note.read_text(encoding="utf-8")) if self._note.exists() else []
        return _with_open(found, noted)

    def cut_off(self) -> tuple[Path, ...]:
        """What a file backend had begun to write beside the stack's files; with it the engine can read none of them ("EOF").

        Only the side files (`.attrs`, a checksum that nobody needs) are written in place; state and lock are renamed when they are whole.
        """
        root = self._backend()
        if root is None:
            return ()
        beside = [*(root / "stacks").rglob(f"{self.stack}.json*.attrs"), *(root / "locks").rglob(f"{self.stack}/*.attrs")]
        return tuple(path for path in sorted(beside) if not _is_json(path))

    def remove(self, cut_off: Iterable[Path]) -> None:
        """Take such files away; the engine does without them and writes them anew."""
        for path in cut_off:
            path.unlink(missing_ok=True)

    def holders(self) -> tuple[Holder, ...] | None:
        """Who holds the stack's lock in a file backend; None for another one, which tells only when one writes."""
        root = self._backend()
        return None if root is None else tuple(_holder(path) for path in sorted((root / "locks").rglob(f"{self.stack}/*.json")))

    def _backend(self) -> Path | None:
        """The folder of a file backend; None for another one."""
        url = self._environment.get("PULUMI_BACKEND_URL") or json.loads(self._done("whoami", "--json", on_stack=False)).get("url") or ""
        # `file://~` is the home folder; a query may follow.
        folder = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
        return folder / ".pulumi" if url.startswith("file://") else None

    def cancel(self) -> None:
        """Break the lock, whoever holds it."""
        self._done("cancel", "--yes")

    def write(self, document: Mapping[str, Any]) -> None:
        """Put another state in the place of this one."""
        self._done("stack", "import", told=json.dumps(document))

    def settle(self, document: Mapping[str, Any], left: Iterable[Unsettled]) -> dict[str, Any]:
        """Let the engine ask Azure about each creation, all of which must have an id; the state afterwards.

        Steps of another kind are no longer open. On failure the resources are as in `document`, and all is open still.
        """
        creations = [each for each in left if each.creates]
        self._keep(document["deployment"]["pending_operations"])
        try:
            self.write(_entered(document, creations))
            if creations:
                targets = [word for each in creations for word in ("--target", each.urn)]
                self._done("refresh", "--yes", "--skip-preview", *targets)
        except Failure:
            self.write(document)
            raise
        self._note.unlink()
        return self.read()

    def declared(self) -> tuple[dict[str, Any], ...]:
        """The resources that the program would create now, in its order, as the state would keep them; without those written over."""
        planned = json.loads(self._done("preview", "--json"))
        new = (step["newState"] for step in planned.get("steps", ()) if step["op"] == "create")
        return tuple(each for each in new if each.get("custom") and each["type"] not in _WRITTEN_OVER)

    @property
    def _note(self) -> Path:
        return self._folder / f".resume-{self.stack}.json"

    def _keep(self, operations: Iterable[Mapping[str, Any]]) -> None:
        """A file that only the owner reads, whole or not at all."""
        beside = self._note.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(list(operations), file)
        os.replace(beside, self._note)

    def _done(self, *arguments: str, told: str = "", on_stack: bool = True) -> str:
        command = [self._command, *arguments, *(("--stack", self.stack) if on_stack else ()), "--non-interactive", "--color", "never"]
        try:
            done = subprocess.run(
                command, cwd=self._folder, env=self._environment, input=told, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise Failure(BAD, f"pulumi {arguments[0]} did not end within {_SECONDS:.0f} s", hint="is the backend reachable?") from None
        if done.returncode:
            raise _refused(" ".join(word for word in arguments[:2] if not word.startswith("-")), done.stdout + done.stderr)
        return done.stdout


def unsettled(document: Mapping[str, Any], subscription: str) -> tuple[Unsettled, ...]:
    """The steps that began and never ended, from a state as `StackState.read` gives it; `subscription` for one that has no ids yet."""
    subscription = _subscription(document) or subscription
    return tuple(_unsettled(each, subscription) for each in document["deployment"].get("pending_operations") or ())


def resources(document: Mapping[str, Any]) -> dict[str, str]:
    """What a state holds: ids by URN, "" for what stands for nothing in Azure."""
    return {each["urn"]: each.get("id", "") for each in document["deployment"].get("resources") or ()}


def begun(document: Mapping[str, Any], declared: Iterable[Mapping[str, Any]], subscription: str) -> dict[str, Any]:
    """The state that an engine would have left that was killed while it created the declared resources that it could have begun with.

    Those are the ones with a known id whose parent, provider and dependencies are all there.
    """
    known, subscription = resources(document), _subscription(document) or subscription
    operations = [{"resource": each, "type": "creating"} for each in declared if _needs(each) <= known.keys()]
    return _with_open(document, [each for each in operations if _unsettled(each, subscription).id is not None])


def _needs(resource: Mapping[str, Any]) -> set[str]:
    """The URNs of what must be there before this one."""
    provider = (resource.get("provider") or "").rpartition("::")[0]
    return {resource.get("parent") or "", provider, *(resource.get("dependencies") or ())} - {""}


def _with_open(document: Mapping[str, Any], operations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The state with more steps open, each resource once."""
    deployment = document["deployment"]
    noted = {each["resource"]["urn"]: each for each in (*operations, *(deployment.get("pending_operations") or ()))}
    return {**document, "deployment": {**deployment, "pending_operations": list(noted.values())}}


def _entered(document: Mapping[str, Any], creations: Iterable[Unsettled]) -> dict[str, Any]:
    """The state as if these creations had happened."""
    deployment, known = document["deployment"], resources(document)
    begun_with = {each["resource"]["urn"]: each["resource"] for each in deployment["pending_operations"]}
    new = [{**begun_with[each.urn], "id": each.id} for each in creations if each.urn not in known]
    return {**document, "deployment": {**deployment, "resources": [*(deployment.get("resources") or ()), *new]}}


def _unsettled(operation: Mapping[str, Any], subscription: str) -> Unsettled:
    resource = operation["resource"]
    id_ = arm_id(resource["type"], resource.get("inputs") or {}, subscription) if subscription else None
    in_azure = bool(resource.get("custom")) and not resource["type"].startswith("pulumi:")
    return Unsettled(urn=resource["urn"], operation=operation["type"], id=resource.get("id") or id_, in_azure=in_azure)


def _subscription(document: Mapping[str, Any]) -> str:
    """The one in which the stack's resources lie; "" before there are any."""
    found = (_SUBSCRIPTION.match(each) for each in resources(document).values())
    return next((each[1] for each in found if each), "")


def _holder(path: Path) -> Holder:
    told = json.loads(path.read_text(encoding="utf-8"))
    return Holder(user=told["username"], host=told["hostname"], pid=int(told["pid"]), since=told["timestamp"].partition(".")[0] + "Z")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _runs(pid: int) -> bool:
    """Whether an engine runs under this id: the number may have gone to another program since."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return b"pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # no such files on this system: better to believe it


def _refused(what: str, said: str) -> Exception:
    held = tuple(Holder(user=m["user"], host=m["host"], pid=int(m["pid"]), since=m["since"]) for m in _HELD.finditer(said))
    if held or _CONFLICT in said:
        return Locked(held)
    lines = [line.strip() for line in said.partition("error: ")[2].splitlines()] or [said.strip() or "it said nothing"]
    return Failure(BAD, f"pulumi {what} failed: {'; '.join(line for line in lines if line)}")
