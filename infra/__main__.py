"""The Pulumi program: read the settings, check them, build the memory store, export what others need."""

from __future__ import annotations

import pulumi

from infra.components.memory_store import MemoryStore
from infra.domain.check import judge
from infra.domain.problem import Severity
from infra.settings import Refused, Settings, read, require_engine


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
    require_engine()
    store = MemoryStore("memory", settings.environment, settings.administrator_password)
    for name, value in store.exports().items():
        pulumi.export(name, value)


main()
