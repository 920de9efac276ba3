"""`python -m benchmarks NAME [--quick] [--json]`: measures one thing, or lists what can be measured."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

NAMES = ("start", "capture", "preview", "post_provision", "engine", "indexes", "promotion")
_COLUMNS = ("figure", "ours_s", "peer", "peer_s", "ratio", "ratio_min", "ratio_max", "pairs", "goal", "met")


def main() -> int:
    """Measure, print, and return 0 if every goal was met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=(*NAMES, "all"))
    parser.add_argument("--quick", action="store_true", help="fewer pairs")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    chosen = parser.parse_args()
    names = NAMES if chosen.name == "all" else (chosen.name,)
    rows = [row for name in names for row in importlib.import_module(f"benchmarks.{name}").measure(chosen.quick)]
    if chosen.json:
        print(json.dumps(rows, indent=2))
    else:
        for line in _table(rows):
            print(line)
    return 0 if all(row["met"] for row in rows) else 1


def _table(rows: list[dict[str, object]]) -> list[str]:
    cells = [list(_COLUMNS), *([str(row[column]) for column in _COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


if __name__ == "__main__":
    sys.exit(main())
