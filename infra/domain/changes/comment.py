"""The comment under a pull request: verdict first, a line a change, details folded; it always fits, and never loses what is destructive.

All text of a plan is made harmless on the way in: nothing in it becomes markup, a mention or a link.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.domain.changes import plan_hash
from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.recovery_delta import Direction, rpo, rto
from infra.domain.changes.report import Judged, Report, StackReport
from infra.domain.changes.showing import SENTENCE, code, prose, shown
from infra.domain.problem import Severity

# Marks the one comment that is updated in place.
MARKER = "<!-- agentmem-preview -->"
# GitHub refuses a longer comment; a little is left for what a workflow adds.
MOST_CHARACTERS, _ROOM = 65_536, 536
# Lines of these are never left out: they are put together only when nothing else is left to trim.
DESTRUCTIVE = (Danger.DATA_LOSS, Danger.IRREVERSIBLE, Danger.UNKNOWN)
_SIGNS = {Danger.DATA_LOSS: "⛔", Danger.IRREVERSIBLE: "⛔", Danger.UNKNOWN: "❓", Danger.HARMLESS: "✅"}
_SIGN = "⚠️"


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """How much is left out: lines milder than `lines`, details milder than `details`; `together` groups what stays into `kinds` lines."""

    lines: Danger = Danger.HARMLESS
    details: Danger | None = Danger.HARMLESS
    together: bool = False
    kinds: int = 20


def _cuts() -> Iterator[_Cut]:
    """From everything to the least: first the details of the harmless, at last only the destructive, put together."""
    yield _Cut()
    yield _Cut(details=Danger.SLOWER)
    yield _Cut(details=Danger.SLOWER, lines=Danger.SLOWER)
    yield _Cut(details=Danger.UNKNOWN, lines=Danger.SLOWER)
    for mildest in (Danger.SLOWER, Danger.RESTART, Danger.WEAKER_SECURITY, Danger.OUTAGE, Danger.UNKNOWN):
        yield _Cut(details=None, lines=mildest)
    for kinds in (100, 20, 5):
        yield _Cut(details=None, lines=Danger.UNKNOWN, together=True, kinds=kinds)


def markdown(report: Report, most: int = MOST_CHARACTERS) -> str:
    """The whole comment, at most `most` characters."""
    lines: list[str] = []
    for cut in _cuts():
        lines, length = [], 0
        for line in _lines(report, cut):
            lines.append(line)
            length += len(line) + 1
            if length > most - _ROOM:
                break
        else:
            break
    return "\n".join(lines) + "\n"


def verdict(report: Report) -> str:
    """The one sentence that everything begins with: plain words, the worst first."""
    replaced = [stack.stack for stack in report.stacks if stack.replaced]
    if replaced:
        return f"STOP: this deletes what holds data in {', '.join(replaced)}"
    failed = [stack.stack for stack in report.stacks if stack.failed]
    if failed:
        return f"this preview failed for {', '.join(failed)}: what would happen there is unknown"
    if report.worst is None:
        quiet = all(stack.is_quiet for stack in report.stacks)
        return "nothing changes" if quiet else "no resource changes, and rules or recovery targets speak"
    where = ", ".join(stack.stack for stack in report.stacks if stack.worst is report.worst)
    held = "not to be merged as it is" if report.stops else "may be merged"
    return f"{report.worst} is the worst of it, in {where}; {held}"


def counted(changes: Sequence[Change]) -> str:
    """`1 data-loss, 2 restart`, the worst first; the totals that nothing trims."""
    found = Counter(change.danger for change in changes)
    return ", ".join(f"{found[danger]} {danger}" for danger in Danger if found[danger]) or "no change"


def _lines(report: Report, cut: _Cut) -> Iterator[str]:
    hashes = {stack.stack: stack.plan_hash for stack in report.stacks if stack.plan_hash}
    yield from (MARKER, *([plan_hash.marker(hashes)] if hashes else []))
    yield f"{'#' if any(stack.replaced for stack in report.stacks) else '##'} {_sign(report)} {prose(verdict(report))}"
    yield ""
    if any(stack.replaced for stack in report.stacks):
        yield from ("> [!CAUTION]", *_endings(report, cut), "")
    if report.compared:
        yield from (prose(report.compared), "")
    for stack in report.stacks:
        if not stack.is_quiet:
            yield from _stack(stack, cut)
    quiet = [stack.stack for stack in report.stacks if stack.is_quiet]
    if quiet and len(report.stacks) > len(quiet):
        yield f"Nothing changes in {prose(', '.join(quiet))}."
    elif quiet:
        yield f"Looked at: {prose(', '.join(quiet))}."
    if hashes:
        yield from ("", f"<sub>Reviewed: {prose(plan_hash.told(hashes))}. Only this is applied.</sub>")


def _stack(stack: StackReport, cut: _Cut) -> Iterator[str]:
    yield f"### {_mark(stack.worst)} {prose(stack.stack)}"
    yield ""
    if stack.failed:
        yield from (f"The preview failed, so what happens in Azure is not known: {prose(shown(stack.failed, SENTENCE))}", "")
        if not (stack.changes or stack.problems):
            return
        yield from ("What the stack file alone tells:", "")
    yield f"**{prose(counted([each.change for each in stack.changes]))}** · cost per month: {prose(shown(stack.cost.sentence, SENTENCE))}"
    yield ""
    yield from (f"- {prose(shown(note, SENTENCE))}" for note in stack.notes)
    yield from _told(stack, cut)
    yield from _rules(stack)
    yield ""
    yield from _recovery(stack)
    yield from _details(stack, cut)


def _told(stack: StackReport, cut: _Cut) -> Iterator[str]:
    kept = [each for each in stack.changes if each.change.danger.rank <= cut.lines.rank]
    yield from _together(kept, cut.kinds) if cut.together else map(_line, _alike(kept))
    if left := [each.change for each in stack.changes if each.change.danger.rank > cut.lines.rank]:
        yield f"- and, to keep this short, without a line: {prose(counted(left))}"


def _alike(kept: Sequence[Judged]) -> Iterator[list[Judged]]:
    """The changes of one resource that say the same, together: a replacement with three guilty properties is one line."""
    groups: dict[tuple[str, str, str, str], list[Judged]] = {}
    for each in kept:
        groups.setdefault((each.change.urn, each.change.danger, each.change.why, each.allowed), []).append(each)
    yield from groups.values()


def _line(alike: Sequence[Judged]) -> str:
    change, said = alike[0].change, alike[0].allowed
    paths = [each.change.path for each in alike if each.change.path]
    allowed = f" ({prose(shown(said, SENTENCE))})" if said else ""
    loud = f"**{prose(change.danger)}**" if change.danger in DESTRUCTIVE else prose(change.danger)
    what = f"{loud} · {prose(change.operation)} {_where(change, *paths)}"
    return f"- {_mark(change.danger)} {what}: {prose(shown(change.why, SENTENCE))}{allowed}"


def _where(change: Change, *paths: str) -> str:
    return " ".join(code(shown(each)) for each in (change.name, *paths))


def _together(kept: Sequence[Judged], most: int) -> Iterator[str]:
    """Destructive changes of one kind in one line with their number: what is left when even they are too many."""
    groups = Counter((each.change.danger, each.change.operation, each.change.type, each.change.path) for each in kept)
    for (danger, operation, type_, path), number in groups.most_common(most):
        place = f" {code(path[:80])}" if path else ""
        yield f"- {_mark(danger)} **{prose(danger)}** · {number} × {prose(operation)} {code(type_[:120])}{place}"
    if len(groups) > most:
        rest = sum(number for _, number in groups.most_common()[most:])
        yield f"- ⛔ and {rest} more of {len(groups) - most} other kinds"


def _rules(stack: StackReport) -> Iterator[str]:
    for problem in stack.problems:
        sign = "⛔" if problem.severity is Severity.REFUSE else _SIGN
        yield f"- {sign} rule {prose(problem.rule)}: {prose(shown(problem.message, SENTENCE))}"


def _recovery(stack: StackReport) -> Iterator[str]:
    if stack.recovery and all(delta.direction is Direction.UNKNOWN for delta in stack.recovery):
        yield from ("Recovery: unknown, one side has no contract to judge.", "")
        return
    moved = [delta for delta in stack.recovery if delta.direction is not Direction.SAME]
    if not moved:
        yield from ("RPO and RTO stay as they are.", "")
        return
    yield from ("| after the loss of | RPO before | after | RTO before | after | |", "| --- | --- | --- | --- | --- | --- |")
    for delta in moved:
        sides = [each.possible for each in (delta.before, delta.after) if each is not None]
        cells = [prose(say(side)) for say in (rpo, rto) for side in sides]
        yield f"| {prose(delta.failure)} | {' | '.join(cells)} | {prose(delta.direction)}: {prose(delta.sentence)} |"
    yield ""


def _details(stack: StackReport, cut: _Cut) -> Iterator[str]:
    mildest = cut.details
    kept = [each.change for each in stack.changes if mildest is not None and each.change.danger.rank <= mildest.rank]
    if not kept:
        return
    yield f"<details><summary>Before and after, how long, and the safe way: {len(kept)} of {len(stack.changes)}</summary>"
    yield ""
    for change in kept:
        place = [change.path] if change.path else []
        yield f"- {_where(change, *place)}: {code(shown(change.old))} → {code(shown(change.new))}"
        yield from (
            f"  - {word}: {prose(shown(text, SENTENCE))}" for word, text in (("takes", change.takes), ("instead", change.instead)) if text
        )
    yield from ("", "</details>", "")


def _endings(report: Report, cut: _Cut) -> Iterator[str]:
    """What holds data and ends, once each: a replacement may be told with several guilty properties."""
    found = list({change.urn: change for stack in report.stacks for change in stack.replaced}.values())
    for change in found[: cut.kinds]:
        what = "replaced, which deletes it" if change.operation is Operation.REPLACE else "deleted"
        yield f"> **{code(shown(change.name))} would be {what}: {prose(shown(change.why, SENTENCE))}**  "
    if len(found) > cut.kinds:
        yield f"> **and {len(found) - cut.kinds} more that hold data**"


def _sign(report: Report) -> str:
    return "✅" if report.worst is None and not report.stops else _mark(report.worst)


def _mark(danger: Danger | None) -> str:
    return _SIGN if danger is None else _SIGNS.get(danger, _SIGN)
