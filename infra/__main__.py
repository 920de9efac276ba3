"""The Pulumi program: read the settings, check them, build the memory store, export what others need."""

from __future__ import annotations

import pulumi

from infra.components.memory_store import MemoryStore
from infra.domain.check import judge
from infra.domain.problem import Severity
from infra.settings import Refused, Settings, read

# Older engines hand only some of the provider's errors to the hook that waits for a busy server.
OLDEST_ENGINE = ">=3.244.0"


def checked() -> Settings:
    """The settings of this stack; raises Refused with every Problem before anything is registered."""
    settings = read()
    found = (*settings.problems, *judge(settings.environment))
    refusals = tuple(problem for problem in found if problem.severity is Severity.REFUSE)
    if refusals:
        raise Refused(refusals)
    for problem in found:
        if problem.severity is Severity.WARN:
            pulumi.log.warn(str(problem))
    return settings


def main() -> None:
    """Build the stack, or refuse it whole."""
    settings = checked()
    pulumi.require_pulumi_version(OLDEST_ENGINE)
    store = MemoryStore("memory", settings.environment, settings.administrator_password)
    for name, value in store.exports().items():
        pulumi.export(name, value)


main()
