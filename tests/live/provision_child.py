"""A process of its own that runs post-provision and kills itself, without any chance to clean up, where it is told to."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from infra.domain.steps import BuildIndex, Step
from scripts import post_provision
from scripts.edges import stack_file


def main(dsn: str, moment: str, turn: str = "1") -> int:
    """Kill this process when `moment` comes for the `turn`th time: before a step, during a build, after a step; `never` lets it finish."""
    left = int(turn)

    def watch(now: str, step: Step) -> None:
        nonlocal left
        print(now, step.key, flush=True)
        if now == moment and (moment != "during" or isinstance(step.action, BuildIndex)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    environment = stack_file.read("prod", Path(__file__).resolve().parents[2])
    return 0 if post_provision.bring(environment, dsn=dsn, password=os.environ["PGPASSWORD"], quiet=True, watch=watch).ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
