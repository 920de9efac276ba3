"""What a restore drill found, as Markdown for people: which copy, how old, and each phase with its seconds and its evidence.

`report.py DRILL.json REPORT.md` reads what `agentmem verify --restore --json` printed, writes the report, and exits with 1 unless the
newest copy restores and is young enough: a drill that keeps restoring an old copy would hide that nobody makes new ones.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.domain.changes.showing import code, prose
from infra.domain.retention import taken_at

# Portable copies are weekly (backup.portable_copies): an older one means that a dump was missed.
OLDEST = timedelta(days=7)


def judged(document: dict[str, Any], now: datetime) -> tuple[str, ...]:
    """What is wrong, a sentence each; empty for a copy that restores and is not older than OLDEST."""
    wrong = [str(each) for each in document.get("faults", ())]
    if not wrong and (document.get("verdict") != "ok" or document.get("restored") is not True):
        wrong.append("the copy was not restored")
    taken = taken_at(str(document.get("copy", "")))
    if taken is None:
        wrong.append("the copy's name does not tell when it was taken")
    elif now - taken > OLDEST:
        wrong.append(f"the newest copy is {_long(now - taken)} old, and one is due every {OLDEST.days} days: see the runs of dump")
    return tuple(wrong)


def told(document: dict[str, Any], wrong: tuple[str, ...], now: datetime) -> str:
    """The report: verdict first. What comes from a database cannot be markup."""
    name = str(document.get("copy", ""))
    taken = taken_at(name)
    lines = [f"## {'⛔ the newest copy is not to be relied on' if wrong else '✅ the newest copy restores'}", ""]
    lines += [f"{code(name)}{f', taken {_long(now - taken)} before this drill' if taken else ''}", ""]
    lines += [*(f"- {prose(each)}" for each in wrong), *([""] if wrong else [])]
    lines += ["| phase | seconds | | |", "| --- | ---: | --- | --- |"]
    for phase in document.get("phases", ()):
        lines.append(f"| {prose(phase['name'])} | {phase['seconds']:.1f} | {prose(phase['verdict'])} | {prose(phase['evidence'])} |")
    return "\n".join([*lines, ""])


def _long(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def main(drill: Path, report: Path) -> int:
    """Write the report beside the document; 0 if the copy is good."""
    now = datetime.now(UTC)
    try:
        document = json.loads(drill.read_text(encoding="utf-8"))
    except ValueError:  # nothing, or a part: verify ended before it could judge
        report.write_text("## ⛔ the drill broke off before it could judge: its log says why\n", encoding="utf-8")
        return 1
    wrong = judged(document, now)
    report.write_text(told(document, wrong, now), encoding="utf-8")
    for each in wrong:
        sys.stderr.write(f"{drill}: {each}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
