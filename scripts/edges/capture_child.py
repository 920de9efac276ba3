"""The child that captures some stacks with the code of one tree: `python capture_child.py FOLDER STACK...`, answers as JSON.

It is run by its path with the tree's folder first in PYTHONPATH, and asks of that tree only what every tree with a capture has:
an old commit need not know this file. Each stack gets its plan and values, or what is wrong with it.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path, stacks: list[str]) -> None:
    """Capture each stack of `folder`; what the program prints goes to stderr, stdout is the answer."""
    found = {}
    with contextlib.redirect_stdout(sys.stderr):
        for stack in stacks:
            found[stack] = _stack(folder, stack)
    json.dump(found, sys.stdout)


def _stack(folder: Path, stack: str) -> dict[str, Any]:
    from infra.domain.problem import Invalid
    from scripts.edges import capture, stack_file

    if not (folder / f"Pulumi.{stack}.yaml").exists():
        return {"missing": True}
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        return {"problems": [str(problem) for problem in loaded.problems]}
    try:
        plan = capture.capture(capture.PROJECT, stack, capture.configuration_of(loaded.values), mode=capture.Mode.RESOLVED)
    except Invalid as invalid:
        return {"problems": [str(loaded.locate(problem)) for problem in invalid.problems], "values": dict(loaded.values)}
    except Exception as error:  # whatever the program of that tree does, the other stacks and the other side go on
        return {"problems": [f"the program fails: {type(error).__name__}: {error}"], "values": dict(loaded.values)}
    return {"plan": plan.to_json(), "values": dict(loaded.values)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
