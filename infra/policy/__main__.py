"""The policy pack as Pulumi starts it: the domain's rules, mandatory in uat and prod, advisory elsewhere, all of it to be configured."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Pulumi starts the folder, and the rules are those of the repository it lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from infra.domain.problem import Severity
from infra.domain.rules.protection import GUARDED
from infra.policy.judging import Resource, by_itself, environment_words, kind, together
from infra.policy.partial import UNKNOWN

_SCHEMA = PolicyConfigSchema(
    properties={
        "guarded": {
            "type": "array",
            "items": {"type": "string"},
            "default": list(GUARDED),
            "description": "Words in a stack's name or a server's tag `environment` that make refusals mandatory.",
        }
    }
)
# Inputs as they were registered, by URN: at the end Pulumi hands over outputs.
_seen: dict[str, Mapping[str, Any]] = {}


def plain(value: Any) -> Any:
    """Properties without Pulumi's wrappers, and UNKNOWN where nobody can tell during a preview."""
    if isinstance(value, Mapping):
        return {name: _item(value, name) for name in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except UnknownValueError:
        return UNKNOWN


def guarded_name(urn: str, properties: Mapping[str, Any], words: Sequence[str]) -> str | None:
    """The guarded environment that the stack's name or a tag speaks of; the stricter of the two counts. None for others."""
    tags = properties.get("tags")
    tag = tags.get("environment") if isinstance(tags, Mapping) else None
    spoken = environment_words(stack_of(urn), tag)
    return next((word for word in words if word.lower() in spoken), None)


def stack_of(urn: str) -> str:
    """`prod` of urn:pulumi:prod::project::type::name."""
    return urn.removeprefix("urn:pulumi:").partition("::")[0]


def one(name: str, level: EnforcementLevel, description: str, *, severity: Severity, guarded: bool | None) -> ResourceValidationPolicy:
    """A policy on resources by themselves; `guarded` None speaks of every stack."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if not kind(args.resource_type):
            return
        properties = _seen[args.urn] = plain(args.props)
        word = guarded_name(args.urn, properties, args.get_config().get("guarded", GUARDED))
        if guarded is not None and guarded is not (word is not None):
            return
        resource = Resource(urn=args.urn, kind=kind(args.resource_type), properties=properties, protected=bool(args.opts.protect))
        # The rules know the guarded environments by these two names.
        stack = (word if word in GUARDED else GUARDED[-1]) if word else stack_of(args.urn)
        for problem in by_itself(resource, stack):
            if problem.severity is severity:
                report(str(problem), None)

    return ResourceValidationPolicy(name=name, description=description, validate=validate, enforcement_level=level, config_schema=_SCHEMA)


def several(name: str, level: EnforcementLevel, description: str, *, severity: Severity, guarded: bool | None) -> StackValidationPolicy:
    """A policy on servers together with what belongs to them."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [_resource(resource) for resource in args.resources if kind(resource.resource_type)]
        words = args.get_config().get("guarded", GUARDED)
        by_urn = {resource.urn: resource for resource in resources}
        for urn, problem in together(resources):
            is_guarded = guarded_name(urn, by_urn[urn].properties, words) is not None
            if problem.severity is severity and guarded in (None, is_guarded):
                report(str(problem), urn)

    return StackValidationPolicy(name=name, description=description, validate=validate, enforcement_level=level, config_schema=_SCHEMA)


def _resource(found: PolicyResource) -> Resource:
    refers_to = [other.urn for others in found.property_dependencies.values() for other in others]
    properties = _seen.get(found.urn) or plain(found.props)
    return Resource(urn=found.urn, kind=kind(found.resource_type), properties=properties, refers_to=refers_to)


def policies() -> Iterator[ResourceValidationPolicy | StackValidationPolicy]:
    """Refusals of guarded stacks, of others, and what is only to be known; each by itself and together."""
    mandatory, advisory = EnforcementLevel.MANDATORY, EnforcementLevel.ADVISORY
    makers = (("server", one, "A PostgreSQL server"), ("servers-together", several, "PostgreSQL servers and what belongs to them"))
    for name, make, subject in makers:
        keeps = f"{subject} must keep the rules of agent-memory."
        yield make(f"{name}-in-uat-and-prod", mandatory, keeps, severity=Severity.REFUSE, guarded=True)
        yield make(f"{name}-elsewhere", advisory, keeps, severity=Severity.REFUSE, guarded=False)
        yield make(f"{name}-warnings", advisory, f"{subject}: better otherwise.", severity=Severity.WARN, guarded=None)


def main() -> None:
    """Serve the pack until the engine goes away."""
    PolicyPack(name="agent-memory", policies=list(policies()))


if __name__ == "__main__":
    main()
