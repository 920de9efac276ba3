"""The guard at the server: an update that loses data, or that Azure would refuse halfway, fails in the preview already."""

from __future__ import annotations

import datetime

import pulumi

from infra.domain.environment import Environment
from infra.domain.problem import Problem, Severity
from infra.domain.server_change import judge_fate, judge_update


class ChangeRefused(Exception):
    """An update that must not happen: its text is all that the engine shows, one Problem after another."""

    def __init__(self, refusals: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in refusals))


def change_guard(name: str, environment: Environment) -> pulumi.ResourceHook:
    """A hook for before_update of the server, in previews too: all refusals at once, the rest as warnings.

    It sees what only Pulumi's state knows, the inputs of the last deployment. What it finds is text of the domain about
    plain values; secrets arrive as Outputs and are not looked at.
    """

    def judge(args: pulumi.ResourceHookArgs) -> None:
        _speak(judge_update(environment, args.old_inputs or {}, args.new_inputs or {}, _today()))

    return pulumi.ResourceHook(name, judge, pulumi.ResourceHookOptions(on_dry_run=True))


def fate_guard(name: str, environment: Environment) -> pulumi.ResourceHook:
    """The same for the component around the server, whose inputs are the server's fate: `judge_fate` says why it is needed.

    A component is updated before its children, so a refusal comes before anything is made or deleted. What was there is
    told by its outputs: they are written once the server is there, its inputs also when the server then failed.
    """

    def judge(args: pulumi.ResourceHookArgs) -> None:
        _speak(judge_fate(environment, args.old_outputs or {}, _today()))

    return pulumi.ResourceHook(name, judge, pulumi.ResourceHookOptions(on_dry_run=True))


def _speak(found: tuple[Problem, ...]) -> None:
    for problem in found:
        if problem.severity is Severity.WARN:
            pulumi.log.warn(str(problem))
    refusals = tuple(problem for problem in found if problem.severity is Severity.REFUSE)
    if refusals:
        raise ChangeRefused(refusals)


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()
