"""`agentmem drift`: how a database differs from what is declared, classed; what Azure has, `pulumi preview --refresh` tells."""

from __future__ import annotations

from collections.abc import Iterable

from infra.domain.changes import database_drift, told
from infra.domain.environment import Environment
from infra.domain.steps import Step
from scripts.edges import screen
from scripts.edges.exits import BAD, GOOD


def administrators(environment: Environment) -> frozenset[str]:
    """The logins that provision: what they make, others are meant to be given."""
    named = (each.principal_name for each in environment.access.entra_administrators)
    return frozenset((*named, *([environment.access.administrator] if environment.access.administrator else [])))


def drift(stack: str, target: str, steps: Iterable[Step], *, as_json: bool, onlooker: bool = False) -> int:
    """Tell the drift of one database, the worst first; the exit code is bad when its environment does not let the worst pass."""
    found = database_drift.report(stack, target, steps, onlooker=onlooker)
    if as_json:
        screen.document("drift", told.document(found))
    elif found.worst is None:
        screen.say(f"drift {stack} · {target}\nthe database is as declared")
    else:
        screen.say(f"drift {stack} · {target}")
        for each in found.stacks[0].changes:
            screen.say(f"  {each.change.danger}: {each.change.name}: {each.change.why}")
        verdict = "which this environment does not let pass" if found.stops else "which passes here"
        screen.say(f"{found.worst} is the worst of it, {verdict}; next: agentmem post-provision --stack {stack}")
    return BAD if found.stops else GOOD
