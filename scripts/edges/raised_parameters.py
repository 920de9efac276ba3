"""Server parameters raised for a restore and put back whatever happens: at its end, and after a kill at the beginning of the next run.

What was there before is noted beside the ledger before anything is changed, and forgotten only once Azure shows it again.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.domain.restore_parameters import Raise, same
from scripts.edges import screen
from scripts.edges.arm import Arm
from scripts.edges.arm_retry import Deadline
from scripts.edges.exits import BAD, BUSY, REFUSED, Exit, Failure
from scripts.edges.interruptions import ending_in_order, uninterrupted
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.server_parameters_arm import DEFAULT, Present, ServerParameters

# One write takes 11 s (recorded); what keeps a server busy the longest is high availability being switched, 17 minutes.
SECONDS = 1800.0
# A dot is in no server's name, so that this note is never taken for that of a server's copy.
NOTE = ".parameters"
Tell = Callable[[str], None]
Wanted = Callable[[Mapping[str, str]], Sequence[Raise]]
Watch = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Held:
    """One parameter of the note: what it was and where that came from, what it is for the restore, and whether that was asked for yet."""

    value: str
    source: str
    raised: str
    asked: bool = False


@contextlib.contextmanager
def raised(
    azure: Arm,
    group: str,
    server: str,
    wanted: Wanted,
    ledger: LedgerFile,
    tell: Tell = screen.talk,
    *,
    watch: Watch = lambda moment: None,
    seconds: float = SECONDS,
) -> Iterator[None]:
    """Keeps the parameters raised for as long as the block runs. Raises Failure; BUSY while another run does the same to this server.

    `wanted` says what to raise on a server with these values; it is asked once everything that a killed run left is back in its place.
    Where the block fails, its own error is the one that is raised, and what could not be put back is told.
    `watch` hears the moments at which a kill would hurt: noted, asked NAME, set NAME, raised, back NAME, verified.
    """
    with _alone(ledger, server), ending_in_order():
        loan = _loan(azure, group, server, ledger, tell, watch, seconds)
        loan.put_back()
        first: BaseException | None = None
        try:
            loan.take(wanted)
            yield
        except BaseException as error:
            first = error
            raise
        finally:
            # An interpreter that is ending starts no thread, and the SDK would wait for one for ever: then the note is for the next run.
            if not sys.is_finalizing():
                with uninterrupted():
                    loan.put_back() if first is None else loan.put_back_after(first)


def put_back_left(
    azure: Arm, group: str, server: str, ledger: LedgerFile, tell: Tell = screen.talk, *, seconds: float = SECONDS
) -> tuple[str, ...]:
    """Puts back what a run that was killed left raised; the names. Asks Azure nothing where nothing was left. Raises Failure."""
    if not _noted(ledger, server):
        return ()
    with _alone(ledger, server):
        return _loan(azure, group, server, ledger, tell, lambda moment: None, seconds).put_back()


@dataclass
class _Loan:
    """The parameters of one server that are raised, and the way back."""

    parameters: ServerParameters
    server: str
    ledger: LedgerFile
    tell: Tell
    watch: Watch
    seconds: float
    held: dict[str, Held] = field(default_factory=dict)
    back: list[str] = field(default_factory=list)

    def take(self, wanted: Wanted) -> None:
        """Note what is there, then raise it, one parameter after the other: a server does one thing at a time."""
        deadline = Deadline(self.seconds)
        present = self.parameters.read(deadline)
        chosen = wanted({name: each.value for name, each in present.items()})
        for each in (each for each in chosen if not _may_be_raised(present.get(each.name))):
            self.tell(f"{self.server}: {each.name} is left alone: here only a restart, or nothing, would change it")
        chosen = [each for each in chosen if _may_be_raised(present.get(each.name))]
        if not chosen:
            return
        self.held = {each.name: _held(present[each.name], each.value) for each in chosen}
        self._note()
        self.watch("noted")
        for each in chosen:
            self._raise(each, deadline)
        self.tell(f"{self.server}: raised for the restore: {', '.join(f'{name} {_step(each)}' for name, each in self.held.items())}")
        self.watch("raised")

    def put_back(self) -> tuple[str, ...]:
        """Give every parameter of the note its value back and see that it has it; the names. Raises Failure for those that stay raised."""
        self.held = _noted(self.ledger, self.server)
        self.back = []
        mine = {name: each for name, each in self.held.items() if each.asked}
        failures: dict[str, Failure] = {}
        if mine:
            deadline = Deadline(self.seconds)
            # One that fails does not keep the others from going back, and all are looked at again once the last was written.
            failures = self._each(reversed(mine), lambda name: self._write_back(name, mine[name], deadline))
            written = [name for name in mine if name not in failures]
            failures |= self._each(written, lambda name: self._verify(name, mine[name], deadline))
        self.held = {name: each for name, each in mine.items() if name in failures}
        self._note()
        if failures:
            raise self._stays(failures)
        self.watch("verified")
        return tuple(self.back)

    def put_back_after(self, first: BaseException) -> None:
        """The same once the block has failed: what goes wrong now is told and noted on the first error, and never takes its place."""
        try:
            self.put_back()
        except Exception as second:
            first.add_note(str(second))
            self.tell(str(second))

    def _raise(self, each: Raise, deadline: Deadline) -> None:
        # Noted first: a write whose answer never came may still be under way, and then it has to be written over.
        self._hold(each.name, raised=each.value, asked=True)
        self.watch(f"asked {each.name}")
        shown = self.parameters.set(each.name, each.value, deadline).value
        if not same(shown, each.value):
            self.tell(f"{self.server}: {each.name} was set to {each.value}, and Azure shows {shown}")
            self._hold(each.name, raised=shown, asked=True)
        self.watch(f"set {each.name}")

    def _hold(self, name: str, *, raised: str, asked: bool) -> None:
        was = self.held[name]
        self.held[name] = Held(value=was.value, source=was.source, raised=raised, asked=asked)
        self._note()

    def _each(self, names: Iterable[str], do: Callable[[str], None]) -> dict[str, Failure]:
        failures = {}
        for name in names:
            try:
                do(name)
            except Failure as failure:
                failures[name] = failure
        return failures

    def _write_back(self, name: str, held: Held, deadline: Deadline) -> None:
        now = self.parameters.get(name, deadline)
        if same(now.value, held.raised) or same(now.value, held.value):
            self._give_back(held, now, deadline)
            self.watch(f"back {name}")

    def _give_back(self, held: Held, now: Present, deadline: Deadline) -> None:
        """A default goes back to being the default. Where Azure refuses that or has another one by now, the value is written."""
        if held.source == DEFAULT:
            try:
                if same(self.parameters.reset(now.name, now.default, deadline).value, held.value):
                    return
            except Failure as failure:
                if failure.code is not REFUSED:
                    raise
        self.parameters.set(now.name, held.value, deadline)

    def _verify(self, name: str, held: Held, deadline: Deadline) -> None:
        now = self.parameters.get(name, deadline)
        if same(now.value, held.raised):
            raise Failure(REFUSED, f"Azure shows {now.value} after {held.value} was written")
        if not same(now.value, held.value):
            # It can only be somebody's choice: we wrote nothing but these two.
            set_to = f"{name} is {now.value} now, set by somebody else"
            self.tell(f"{self.server}: {set_to}; it is left so (it was {held.value} before the restore)")
            return
        self.back.append(name)
        if now.source != held.source:
            self.tell(f"{self.server}: {name} is {held.value} again, and Azure calls that {now.source}, not {held.source}")

    def _note(self) -> None:
        """What is held, on the disk before this returns."""
        listed = {name: {"value": h.value, "source": h.source, "raised": h.raised, "asked": h.asked} for name, h in self.held.items()}
        at = datetime.now(UTC).isoformat()
        # A list, for JSON sorts the names and the order is that in which they were raised.
        what = {"server": self.server, "at": at, "parameters": [{"name": name, **facts} for name, facts in listed.items()]}
        self.ledger.keep_under_way(self.server + NOTE, what if listed else None)

    def _stays(self, failures: Mapping[str, Failure]) -> Failure:
        stay = ", ".join(f"{name} (was {self.held[name].value}, raised to {self.held[name].raised})" for name in failures)
        why = next(iter(failures.values()))
        note = _path(self.ledger, self.server)
        hint = f"the next restore into it puts them back first, as {note} says; or by hand: Azure portal, {self.server}, Server parameters"
        if why.code is BAD:
            hint = f"if the server is gone for good, delete {note}"
        return Failure(_worst(failures), f"could not be put back: {stay}: {why.fact}", where=self.server, hint=hint)


def _loan(azure: Arm, group: str, server: str, ledger: LedgerFile, tell: Tell, watch: Watch, seconds: float) -> _Loan:
    def told(text: str) -> None:
        # Nobody who stopped listening keeps a server's parameters raised.
        with contextlib.suppress(OSError):
            tell(text)

    parameters = ServerParameters(azure, group, server, lambda fact: told(f"waits: {fact}"))
    return _Loan(parameters, server, ledger, told, watch, seconds)


def _worst(failures: Mapping[str, Failure]) -> Exit:
    """Refused beats what only needs another try."""
    return max((failure.code for failure in failures.values()), key=lambda code: (code is REFUSED, code))


def _may_be_raised(present: Present | None) -> bool:
    return present is not None and present.dynamic and not present.read_only


def _held(present: Present, value: str) -> Held:
    return Held(value=present.value, source=present.source, raised=value)


def _step(held: Held) -> str:
    return f"{held.value} -> {held.raised}"


def _path(ledger: LedgerFile, server: str) -> Path:
    return ledger.folder / f"{server}{NOTE}.pending.json"


def _noted(ledger: LedgerFile, server: str) -> dict[str, Held]:
    """What the note of this server says, in the order in which it was raised; empty where there is none. Raises Failure (REFUSED)."""
    try:
        found = ledger.under_way(server + NOTE)
        return {each["name"]: _read(each) for each in found["parameters"]} if found else {}
    except (Failure, KeyError, TypeError, ValueError) as error:
        if isinstance(error, Failure) and error.code is not REFUSED:
            raise
        hint = f"see that {server} has the parameters you want (Azure portal, Server parameters), then delete the file"
        raise Failure(REFUSED, "is no note of raised parameters", where=str(_path(ledger, server)), hint=hint) from None


def _read(each: Mapping[str, Any]) -> Held:
    texts = {name: each[name] for name in ("value", "source", "raised")}
    if not all(isinstance(text, str) for text in (each["name"], *texts.values())) or not isinstance(each["asked"], bool):
        raise TypeError
    return Held(**texts, asked=each["asked"])


@contextlib.contextmanager
def _alone(ledger: LedgerFile, server: str) -> Iterator[None]:
    """Keeps another restore of this folder from the parameters of the server."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(ledger.alone_with(server + NOTE))
        except Failure as failure:
            if failure.code is not BUSY:
                raise
            hint = "wait until it has ended"
            raise Failure(BUSY, "another restore has raised this server's parameters", where=server, hint=hint) from None
        yield
