"""What an update comes to where neither plan nor answer says it: waiting for a restart, extensions shut out, zones that have moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

_RESTART = "hint: when it suits, agentmem restart --stack {} --if-pending; clients are cut off for about a minute"
# Azure spells the property both ways in its messages.
_ZONES = ("availabilityzone", "availability zone")


def restart_hooks(name: str, stack: str) -> pulumi.ResourceHookBinding:
    """Hooks of a static parameter: a preview says that a new value will wait, an update says what waits as Azure answers."""
    hint = _RESTART.format(stack)

    def foresee(args: pulumi.ResourceHookArgs) -> None:
        old, new = args.old_inputs or {}, args.new_inputs or {}
        if pulumi.runtime.is_dry_run() and old.get("value") != new.get("value"):
            says = f"{new.get('configurationName')} changes from {old.get('value')} to {new.get('value')}"
            pulumi.log.warn(f"{says}: nothing happens until the server is restarted (W3)\n{hint}")

    def tell(args: pulumi.ResourceHookArgs) -> None:
        outputs = args.new_outputs or {}
        if outputs.get("isConfigPendingRestart"):
            pulumi.log.warn(f"{outputs.get('name')} is set and waits for a restart of the server (W3)\n{hint}")

    before = pulumi.ResourceHook(f"{name}-foreseen", foresee, pulumi.ResourceHookOptions(on_dry_run=True))
    after = pulumi.ResourceHook(f"{name}-told", tell)
    return pulumi.ResourceHookBinding(before_update=[before], after_create=[after], after_update=[after])


def allow_list_hooks(name: str) -> pulumi.ResourceHookBinding:
    """Hooks of the allow-list: previews and updates name what they take from it."""

    def judge(args: pulumi.ResourceHookArgs) -> None:
        gone = sorted(_listed(args.old_inputs) - _listed(args.new_inputs))
        if gone:
            says = f"azure.extensions loses {', '.join(gone)}: CREATE EXTENSION would be refused, and restores of a database that has it"
            pulumi.log.warn(f"{says} (R11)\nhint: keep it in database.extensions until no database has it")

    return pulumi.ResourceHookBinding(before_update=[pulumi.ResourceHook(name, judge, pulumi.ResourceHookOptions(on_dry_run=True))])


def _listed(inputs: Mapping[str, Any] | None) -> set[str]:
    value = (inputs or {}).get("value")
    return {name.strip().lower() for name in value.split(",") if name.strip()} if isinstance(value, str) else set()


def moved_zones_hook(name: str) -> pulumi.ErrorHook:
    """Explains an update that Azure refuses because the server stands in other zones than Pulumi's state says; never repeats it."""

    def explain(error: pulumi.ErrorHookArgs) -> bool:
        if error.failed_operation == "update" and error.errors and any(each in error.errors[0].lower() for each in _ZONES):
            says = "the server stands in other zones than Pulumi knows, as after a failover or another SKU: it is as it was"
            pulumi.log.warn(f"{says}\nhint: pulumi up --refresh")
        return False

    return pulumi.ErrorHook(name, explain)
