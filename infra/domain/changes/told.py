"""A report as lines for a terminal, and as the one JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.domain.changes.comment import counted, verdict
from infra.domain.changes.recovery_delta import Direction
from infra.domain.changes.report import Report, StackReport
from infra.domain.changes.showing import clean, one_line, shown


def lines(report: Report) -> Iterator[str]:
    """What a person reads: each stack that changes, those that do not in one line, the verdict last."""
    yield one_line(f"preview · {report.compared}" if report.compared else "preview")
    for stack in report.stacks:
        if not stack.is_quiet:
            yield from map(one_line, _stack(stack))
    quiet = [stack.stack for stack in report.stacks if stack.is_quiet]
    if quiet and len(quiet) < len(report.stacks):
        yield f"nothing changes in {', '.join(quiet)}"
    yield verdict(report)


def document(report: Report) -> dict[str, Any]:
    """One stack as its own document, several below `environments`."""
    told = {"compared": report.compared, "verdict": verdict(report)}
    if len(report.stacks) == 1:
        return {**told, **report.stacks[0].as_json()}
    stacks = {stack.stack: stack.as_json() for stack in report.stacks}
    return {**told, "worst": report.worst, "stops": report.stops, "environments": stacks}


def page(report: Report) -> dict[str, Any]:
    """What the template of the HTML page is filled with."""
    quiet = [stack.stack for stack in report.stacks if stack.is_quiet]
    return {
        "verdict": verdict(report), "compared": report.compared, "stops": report.stops, "quiet": ", ".join(quiet),
        "loudest": any(stack.replaced for stack in report.stacks),
        "stacks": [_page_of(stack) for stack in report.stacks if not stack.is_quiet],
    }  # fmt: skip


def _page_of(stack: StackReport) -> dict[str, Any]:
    changes = [
        {
            "danger": str(each.change.danger), "operation": str(each.change.operation), "name": each.change.name, "path": each.change.path,
            "why": each.change.why, "old": shown(each.change.old), "new": shown(each.change.new), "takes": each.change.takes,
            "instead": each.change.instead, "allowed": each.allowed,
        }
        for each in stack.changes
    ]  # fmt: skip
    moved = [delta for delta in stack.recovery if delta.direction is not Direction.SAME]
    recovery = [{"failure": each.failure, "direction": str(each.direction), "sentence": each.sentence} for each in moved]
    return {
        "stack": stack.stack, "failed": stack.failed, "counted": counted([each.change for each in stack.changes]), "notes": stack.notes,
        "cost": stack.cost.sentence, "changes": changes, "recovery": recovery,
        "rules": [f"rule {each.rule}: {clean(each.message)}" for each in stack.problems],
    }  # fmt: skip


def _stack(stack: StackReport) -> Iterator[str]:
    if stack.failed:
        yield f"{stack.stack}: the preview failed, so what happens in Azure is not known: {stack.failed}"
        if not (stack.changes or stack.problems):
            return
    yield f"{stack.stack}: {counted([each.change for each in stack.changes])}"
    yield from (f"  note {note}" for note in stack.notes)
    for each in stack.changes:
        change = each.change
        what = f"{change.name} {change.path}".strip()
        yield f"  {change.danger}: {change.operation} {what} ({shown(change.old)} to {shown(change.new)}): {change.why}"
        for word, text in (("takes", change.takes), ("instead", change.instead), ("", each.allowed)):
            if text:
                yield f"    {word} {text}"
    for problem in stack.problems:
        yield f"  rule {problem.rule}: {clean(problem.message)}"
    for delta in stack.recovery:
        if delta.direction not in (Direction.SAME, Direction.UNKNOWN):
            yield f"  recovery {delta.failure} {delta.direction}: {delta.sentence}"
    if stack.recovery and all(delta.direction is Direction.UNKNOWN for delta in stack.recovery):
        yield "  recovery unknown: one side has no contract to judge"
    yield f"  cost per month {stack.cost.sentence}"
