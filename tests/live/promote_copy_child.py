"""A process of its own that promotes a copy under rules, and is killed by SIGKILL once a table of the target was copied.

One line of JSON on standard input says from where to where; nothing but the kill ends it in that moment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from scripts.edges import postgres, stack_file
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.transfer_lane import Lane
from scripts.promote import Doors, Journey, promote
from scripts.proof_server import proof_server


def main() -> None:
    """Promote as the order says."""
    order = json.loads(sys.stdin.read())
    copy: Any = Lane.copy

    def then_killed(lane: Any, item: Any, on_bytes: Any) -> None:
        copy(lane, item, on_bytes)
        if item.name == order["after"] and lane.session.info.dbname == order["database"]:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(Lane, "copy", then_killed)  # noqa: B010 - a method in place of another
    into = stack_file.read("staging", Path(order["root"]))
    connect = lambda: postgres.connect(order["target"], password=os.environ["PGPASSWORD"])  # noqa: E731
    doors = Doors(None, connect, LedgerFile(Path(order["ledger"])), server=proof_server)
    promote(Journey(source="prod", target=into, copy=Path(order["copy"]), rules=Path(order["rules"]), jobs=1), doors)


if __name__ == "__main__":
    main()
