"""A process of its own that runs post-provision on an environment that is handed to it, and kills itself where it is told to."""

from __future__ import annotations

import os
import signal
import sys

from infra.domain.environment import Environment
from infra.domain.steps import Step
from scripts import post_provision


def main(dsn: str, moment: str, phase: str, environment: str) -> int:
    """Kill this process at a moment (before, during, after) of the step whose sentence begins with `phase`."""

    def watch(now: str, step: Step) -> None:
        if now == moment and step.says.startswith(phase):
            os.kill(os.getpid(), signal.SIGKILL)

    declared = Environment.model_validate_json(environment)
    return 0 if post_provision.bring(declared, dsn=dsn, password=os.environ["PGPASSWORD"], quiet=True, watch=watch).ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
