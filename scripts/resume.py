"""`agentmem resume`: the way back after an `up` that was cut off: its lock is broken, its open creations are settled with Azure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from scripts.edges import screen
from scripts.edges.exits import BAD, BUSY, GOOD, REFUSED, Failure

if TYPE_CHECKING:
    from scripts.edges.pulumi_state import Holder, StackState, Unsettled

EXISTS, NEVER, AGAIN, UNKNOWN = "exists in Azure: taken over", "never happened: forgotten", "left to the next up", "its id cannot be told"
_LOOKED_UP = "to be looked up in Azure"


def typed(question: str) -> str:
    """What a person types after the question, without the white space around it; nothing if nobody is there."""
    screen.talk(question)
    return sys.stdin.readline().strip()


def resume(state: StackState, *, adopt: bool, yes: bool, dry_run: bool, as_json: bool, ask: Callable[[str], str] = typed) -> int:
    """Settle what an interrupted `up` of the stack left. Returns the exit code; raises Failure.

    A lock is broken only if its holder runs no more, or runs where that cannot be seen, and somebody says so (`yes`: nobody is
    asked). `adopt` also looks for what exists in Azure and not in the state, because the answer to its creation was lost.
    """
    from scripts.edges.pulumi_state import Locked

    seen = state.holders()
    holders = seen or ()
    _refuse_running(state.stack, holders)
    cut_off = state.cut_off()
    if cut_off and dry_run:
        hint = "without --dry-run it is taken away, and all goes on from there"
        raise Failure(BAD, f"{cut_off[0].name} was cut off while it was written, so the state cannot be read", where=state.stack, hint=hint)
    if dry_run:
        return _told(state.stack, holders, _planned(state, adopt), as_json, dry_run=True)
    if holders:
        _ask_to_break(state.stack, holders, yes, ask)
    if cut_off:
        screen.talk(f"{', '.join(each.name for each in cut_off)}: cut off while written, taken away; the engine writes it anew")
        state.remove(cut_off)
    if holders:
        state.cancel()
    try:
        rows = _settled(state, adopt, yes, ask, unseen=seen is None)
    except Locked as locked:  # a backend that tells only now who has the lock
        holders = locked.holders
        _refuse_running(state.stack, holders)
        _ask_to_break(state.stack, holders, yes, ask)
        state.cancel()
        rows = _settled(state, adopt, yes, ask)
    return _told(state.stack, holders, rows, as_json)


def _refuse_running(stack: str, holders: Sequence[Holder]) -> None:
    running = [each for each in holders if each.runs]
    if running:
        hint = f"wait for it, or end it there with Ctrl-C: it then stops in good order (process {running[0].pid})"
        raise Failure(BUSY, f"an engine is at work: {running[0]}", where=stack, hint=hint)


def _ask_to_break(stack: str, holders: Sequence[Holder], yes: bool, ask: Callable[[str], str]) -> None:
    """Whether the lock may be broken; one whose holder nobody names is left to its owner. Raises Failure if not."""
    if not holders:
        hint = f"if nobody is at work: pulumi cancel --stack {stack}, then this again"
        raise Failure(BUSY, "locked, and the backend does not say by whom", where=stack, hint=hint)
    for each in holders:
        screen.talk(f"{stack} is locked by {each}, {'which runs no more' if each.runs is False else 'on another machine'}")
    _confirm(stack, f"to break the lock of {stack}", yes, ask)


def _settled(state: StackState, adopt: bool, yes: bool, ask: Callable[[str], str], unseen: bool = False) -> list[dict[str, str]]:
    from scripts.edges.pulumi_state import resources, unsettled

    document = state.read()
    if adopt:
        document = _with_declared(state, document)
    left = unsettled(document, state.subscription)
    if not left:
        if unseen:
            state.write(document)  # as it is: this backend tells who has the lock only to those who write
        return []
    if adopt:
        screen.talk("will be taken into the state if it exists: " + ", ".join(each.name for each in left if each.creates))
        _confirm(state.stack, "to go on", yes, ask)
    if any(each.creates and each.id is None for each in left):
        return [_row(each, _expected(each)) for each in left]
    known = resources(state.settle(document, left))
    return [_row(each, AGAIN if not each.creates else EXISTS if each.urn in known else NEVER) for each in left]


def _planned(state: StackState, adopt: bool) -> list[dict[str, str]]:
    from scripts.edges.pulumi_state import unsettled

    document = state.read()
    left = unsettled(_with_declared(state, document) if adopt else document, state.subscription)
    return [_row(each, _expected(each)) for each in left]


def _with_declared(state: StackState, document: dict[str, Any]) -> dict[str, Any]:
    """The state with everything noted as open that the program would create and that may exist already."""
    from scripts.edges.pulumi_state import begun, resources

    if not resources(document):
        raise Failure(REFUSED, "nothing of this stack was ever made, so no answer can have been lost", where=state.stack)
    return begun(document, state.declared(), state.subscription)


def _expected(each: Unsettled) -> str:
    return AGAIN if not each.creates else _LOOKED_UP if each.id else UNKNOWN


def _row(each: Unsettled, outcome: str) -> dict[str, str]:
    return {"urn": each.urn, "name": each.name, "operation": each.operation, "id": each.id or "", "outcome": outcome}


def _confirm(stack: str, why: str, yes: bool, ask: Callable[[str], str]) -> None:
    if not yes and ask(f"type the stack's name {why}:") != stack:
        raise Failure(REFUSED, "the stack's name was not typed, nothing was changed", where=stack, hint="--yes does not ask")


def _told(stack: str, holders: Sequence[Holder], rows: Sequence[dict[str, str]], as_json: bool, *, dry_run: bool = False) -> int:
    stuck = [row["name"] for row in rows if row["outcome"] == UNKNOWN]
    code = BAD if stuck else GOOD
    last = f"{stack} can go on: pulumi up --stack {stack}"
    if stuck:
        last = f"{stack} cannot go on: look in Azure for {', '.join(stuck)}; pulumi refresh --clear-pending-creates forgets them"
    elif dry_run:
        last = f"{stack}: nothing was changed; without --dry-run it would be"
    elif not rows and not holders:
        last = f"{stack}: nothing was left open; if an up says that something exists already: --adopt"
    if as_json:
        facts = {"stack": stack, "dry_run": dry_run, "locked_by": [str(each) for each in holders], "unsettled": list(rows)}
        screen.document("resume", {**facts, "verdict": "bad" if stuck else "ok", "reason": last})
        return code
    lines = [("lock", f"of {each}: {'stands' if dry_run else 'broken'}") for each in holders]
    lines += [(row["operation"], f"{row['name']}: {row['outcome']}") for row in rows]
    for line in screen.table(lines):
        screen.say(line)
    screen.say(last)
    return code
